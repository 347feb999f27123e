"""The JSON Schema of configs says what reading a config says; shells complete what there is."""

import copy
import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebm.cli import main
from ebm.errors import EbmError
from ebm.experiment.config import TABLES, build_config
from ebm.experiment.schema import schema
from ebm.stock import stock_configs

ROOT = Path(__file__).parents[1]
STOCK = {name: tomllib.loads(path.read_text("utf-8")) for name, path in stock_configs().items()}
SCHEMA = schema()


@functools.cache
def validator():
    jsonschema = pytest.importorskip("jsonschema", reason="part of the test extra")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def errors(config):
    return [error.message for error in itertools.islice(validator().iter_errors(config), 1)]


def is_read(config):
    try:
        build_config(config, "x.toml")
    except EbmError:
        return False
    return True


@pytest.mark.parametrize("name", STOCK)
def test_every_config_is_valid(name):
    assert errors(STOCK[name]) == []


def wrong(config):
    """Configs with one thing wrong in them each."""
    for table, keys in config.items():
        yield f"[{table}] twice", {**config, f"{table}s": keys}
        yield f"[{table}] misspelt key", {**config, table: {**keys, "nonsense": 1}}
        for key, value in keys.items():
            yield f"[{table}] {key}: text", {**config, table: {**keys, key: ["wrong", {"no": "thing"}]}}
            if isinstance(value, dict) and len(TABLES[table]) == 1:
                yield f"[{table}] {key}.nonsense", {**config, table: {**keys, key: {**value, "nonsense": 1}}}
            if type(value) is int and key != "k":  # whose range a function checks
                yield f"[{table}] {key}: -7", {**config, table: {**keys, key: -7}}
    yield "no machine", {table: keys for table, keys in config.items() if table != "machine"}


@pytest.mark.parametrize("name", STOCK)
def test_what_reading_refuses_the_schema_refuses(name):
    for what, config in wrong(STOCK[name]):
        if not is_read(copy.deepcopy(config)):
            assert errors(config), what


def test_every_key_is_in_the_schema_with_its_meaning():
    for table, choices in TABLES.items():
        for name, made in choices.items():
            properties = SCHEMA["$defs"][f"{table}.{name}"]["properties"]
            assert properties.keys() == {"type", *made.parameters({"method": ""} if made.methods else {})}
            assert all("description" in about for key, about in properties.items() if key != "type")


def test_the_command_prints_it(tmp_path):
    assert json.loads(CliRunner().invoke(main, ["schema"]).output) == SCHEMA
    file = tmp_path / "ebm.schema.json"
    assert CliRunner().invoke(main, ["schema", "-o", str(file)]).exit_code == 0
    assert json.loads(file.read_text("utf-8")) == SCHEMA


# Completion, as a shell asks for it.


@pytest.fixture
def command(tmp_path):
    """The environment of a shell that has the command."""
    script = tmp_path / "bin" / "ebm"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m ebm "$@"\n')
    script.chmod(0o755)
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ebm conf", ["configs"]),
        ("ebm run di", ["diabetes-regression", "digits", "digits-dbn", "digits-grey"]),
        ("ebm run tiny --set train.ep", ["train.epochs="]),
        ("ebm run nowhere --set train.ep", []),
        ("ebm check spin-glass --out", ["--out"]),
    ],
)
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(command, words, found, tmp_path):
    listed = words.split()
    line = f"""eval "$(_EBM_COMPLETE=bash_source ebm)"
        COMP_WORDS=({words}); COMP_CWORD={len(listed) - 1}; _ebm_completion ebm 2>/dev/null
        printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(
        ["bash", "-c", line], env=command, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == found
