"""The README's Python runs as written, and its commands are the ones that CI runs."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "nats per row" in printed
    energy = float(re.search(r"(-\d\.\d+) per spin", printed)[1])
    assert -1.4 < energy < -1.2
    assert (tmp_path / "digits.npz").exists()
    made = {path.name for path in tmp_path.glob("*.png")}
    shown = set(re.findall(r"docs/images/([\w-]+\.png)", README))
    assert made <= shown
    assert all((ROOT / "docs" / "images" / name).exists() for name in shown)
    log_z = names["log_z"]
    assert log_z.method == "exact"
    assert names["network"].error(names["digits"].test, names["digits"].test_labels) < 0.2


def test_the_python_passes_a_type_checker(tmp_path):
    file = tmp_path / "readme.py"
    file.write_text("\n".join(blocks("python")))
    options = ["--strict", "--config-file=", "--disable-error-code=import-untyped", "--no-pretty"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(file)], cwd=ROOT, capture_output=True, text=True
    )
    complaints = [line for line in done.stdout.splitlines() if line.startswith(str(file))]
    assert done.returncode in (0, 1), done.stderr
    assert not complaints


def test_ci_runs_the_second_command():
    command = blocks("sh")[1].strip()
    assert command in (ROOT / ".ci" / "run").read_text()


def test_every_config_is_in_the_table():
    page = (ROOT / "docs" / "how-to" / "command-line.md").read_text("utf-8")
    named = set(re.findall(r"`configs/([\w-]+)\.toml`", page))
    assert named == {path.stem for path in (ROOT / "configs").glob("*.toml")}


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", README)
    assert len(links) > 20
    assert not [link for link in links if not (ROOT / link).exists()]
