"""The configs that ship with the package: found by name, listed, written out to be edited."""

import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebm.cli import main
from ebm.errors import EbmError
from ebm.experiment.config import TABLES, read_config, resolved
from ebm.experiment.meanings import meanings
from ebm.experiment.template import template
from ebm.stock import about, find_config, stock_configs

ROOT = Path(__file__).parents[1]
STOCK = stock_configs()


def call(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


def test_all_are_found():
    assert {path.name for path in STOCK.values()} == {path.name for path in ROOT.glob("configs/*.toml")}
    assert len(STOCK) > 5


def test_a_path_that_exists_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny").write_text("[machine]\ntype = 'SK'\nn = 3\n")
    Path("digits").mkdir()  # such as a folder of runs
    assert find_config("tiny") == Path("tiny")
    assert find_config("digits") == STOCK["digits"]
    assert read_config("tiny").machine.name == "SK"


@pytest.mark.parametrize("name", ["digit", "configs/digit.toml", "DIGITS.toml"])
def test_another_name_is_refused_with_the_nearest(name):
    with pytest.raises(EbmError, match="no such file, and no config of that name; "):
        find_config(name)
    result = call("run", "digit")
    assert result.exit_code == 1
    assert result.output == "ebm: digit: no such file, and no config of that name; did you mean 'digits'?\n"


def test_the_list_says_what_each_does():
    printed = call("configs").output
    words = " ".join(printed.split())
    for name, path in STOCK.items():
        assert re.search(rf"^{name} ", printed, re.M)
        assert about(path).split()[0] in words
        assert len(about(path)) > 40


def test_a_run_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("run", "spin-glass", "--set", "machine.n=10", "--set", "traces.n_sweeps=2")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "runs" / "spin-glass" / "model.npz").exists()


@pytest.mark.parametrize("name", STOCK)
def test_what_new_writes_is_the_config_and_its_defaults_are_true(name, tmp_path):
    file = tmp_path / "mine.toml"
    assert call("new", name, "-o", file).exit_code == 0
    wanted, text = resolved(read_config(name)), file.read_text("utf-8")
    assert resolved(read_config(file)) == wanted
    file.write_text(re.sub(r"^#(?=\w+ = )", "", text, flags=re.M), "utf-8")
    assert file.read_text("utf-8") != text
    assert resolved(read_config(file)) == wanted
    for table, keys in wanted.items():
        for key in keys:
            assert re.search(rf"^#?{key} = |^\[+{table}\.{key}\]", text, re.M), (table, key)


def test_nothing_is_overwritten_unasked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text("mine")
    result = call("new", "tiny")
    assert result.exit_code == 1
    assert "--overwrite" in result.output
    assert Path("tiny.toml").read_text() == "mine"
    assert call("new", "tiny", "--overwrite").exit_code == 0
    assert read_config("tiny.toml")
    assert "expected .toml" in call("new", "tiny", "-o", "tiny.txt").output


def test_every_key_of_every_table_is_documented():
    for name, choices in TABLES.items():
        for kind, made in choices.items():
            said = meanings(made, {})
            missing = [key for key in made.parameters({}) if key not in said]
            assert not missing, (name, kind, missing)
            for key, meaning in said.items():
                assert not meaning.text.startswith("As "), (name, kind, key)


def test_every_kind_of_every_table_can_be_written_out():
    for name, choices in TABLES.items():
        for kind, made in choices.items():
            needed = {
                k: "?"
                for k, (_, default) in made.parameters({}).items()
                if default is inspect.Parameter.empty
            }
            text = template({name: {"type": kind} | needed})
            assert tomllib.loads(text)[name] | {"type": kind} == {"type": kind} | needed


def test_help_names_only_what_a_wheel_has():
    for name, command in main.commands.items():
        text = call(name, "--help").output + (command.help or "")
        assert "configs/" not in text
        assert "docs/" not in text
        for config in re.findall(r"ebm (?:run|new|sweep|check) (\w[\w-]*)(?:\s|$)", text):
            assert config in STOCK, (name, config)
    for path in STOCK.values():
        assert not re.search(r"\b(configs|experiments|docs)/", path.read_text("utf-8").split("\n#\n")[0])


def test_a_wheel_has_them(tmp_path):
    pytest.importorskip("hatchling", reason="builds a wheel: part of the test extra")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from ebm.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "configs"],
        cwd=tmp_path / "empty", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(STOCK) <= set(done.stdout.split())
    shipped = {path.name: path.read_bytes() for path in (tmp_path / "site/ebm/configs").iterdir()}
    assert shipped == {path.name: path.read_bytes() for path in STOCK.values()}
