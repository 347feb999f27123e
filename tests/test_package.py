"""What is installed: its name, who else has the import name, what a source distribution holds."""

import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

import ebm
from ebm.__main__ import other_owners

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def installed(folder, name, *files):
    record = folder / f"{name}-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("".join(f"{file},sha256=x,1\n" for file in files))


def test_another_owner_of_the_name_is_found(tmp_path):
    installed(tmp_path, "boltzmann_machines", "ebm/__init__.py", "ebm/cli/__init__.py")
    installed(tmp_path, "webm", "webm/__init__.py", "x/ebm/__init__.py")
    assert other_owners(tmp_path) == []
    installed(tmp_path, "ebm_of_others", "ebm/__init__.py")
    installed(tmp_path, "ebm", "ebm/a.py", "ebm/__init__.py")
    assert other_owners(tmp_path) == ["ebm", "ebm_of_others"]


def test_the_command_says_so_in_one_line(tmp_path):
    """A package of ours beside the files of another: here a link to this one."""
    (tmp_path / "ebm").mkdir()
    (tmp_path / "ebm" / "__main__.py").write_bytes((ROOT / "ebm" / "__main__.py").read_bytes())
    installed(tmp_path, "webm", "ebm/__init__.py")
    code = f"""import runpy, sys; sys.argv = ["ebm", "--version"]
import ebm
runpy.run_path({str(tmp_path / "ebm" / "__main__.py")!r}, run_name="__main__")"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == f"ebm, version {ebm.__version__}\n"
    assert done.stderr.startswith("ebm: warning: webm owns the import name ebm too: pip uninstall webm")
    assert done.stderr.count("\n") == 1


def test_versions_agree():
    assert PROJECT["version"] == ebm.__version__
    assert f"\nversion: {ebm.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## {ebm.__version__} " in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_extras_that_are_named_exist():
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("ebm/**/*.py")]
    named = {
        extra
        for path in texts
        for extra in re.findall(r"boltzmann-machines\[(\w+)\]", path.read_text("utf-8"))
    }
    assert named <= set(PROJECT["optional-dependencies"])
    assert "scale" in named


def test_a_source_distribution_holds_what_its_tests_read(tmp_path):
    pytest.importorskip("hatchling", reason="builds a source distribution: part of the test extra")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        held = {Path(name).relative_to(Path(name).parts[0]).as_posix() for name in archive.getnames()}
    folders = (
        "ebm/**/*.py",
        "tests/*.py",
        "tests/fixtures/**/*.*",
        "configs/*.toml",
        "experiments/**/*.py",
        "docs/*.md",
        ".ci/*",
        "*.md",
        "*.cff",
    )
    wanted = {path.relative_to(ROOT).as_posix() for folder in folders for path in ROOT.glob(folder)}
    assert wanted <= held
    assert not [name for name in held - wanted if name.endswith((".pyc", ".npz")) or ".venv" in name]
