"""Command lines: every command, with options and arguments that are right, wrong or odd."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import click
from click.testing import CliRunner

from ebm.cli import main
from experiments.campaigns.fuzz import corpus
from experiments.campaigns.fuzz.arrays import Rng, one_of
from experiments.campaigns.verdicts import line_is_ours

__all__ = ["commands", "invoked", "processes"]


def invoked(arguments: Sequence[str]) -> tuple[str, str]:
    """The outcome of a command in this process."""
    result = CliRunner().invoke(main, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return "failed", f"{arguments}: {type(result.exception).__name__}: {str(result.exception)[:300]}"
    return _said(arguments, result.exit_code, result.stderr)


def _said(arguments: Sequence[str], code: int, stderr: str) -> tuple[str, str]:
    """Whether a command ended well, or with one line of ours."""
    lines = stderr.rstrip("\n").split("\n")
    if "Traceback (most recent" in stderr or code not in (0, 1, 2, 130):
        return "failed", f"{arguments}: exit code {code}: {stderr[-400:]}"
    if code == 2:  # click's own: what was called, and one line of what was wrong
        return (
            ("refused", "")
            if "Error: " in stderr or stderr.startswith("Usage: ")
            else ("failed", f"{arguments}: {stderr[-300:]}")
        )
    if code == 0:
        return "right", ""
    wrong = line_is_ours(lines[-1]) if lines[-1].startswith("ebm: ") else "no line of ours"
    return ("failed", f"{arguments}: {wrong}: {stderr[-400:]}") if wrong else ("refused", "")


def _files() -> list[str]:
    """Paths of all kinds of files, and of none."""
    folder = corpus.folder()
    named = corpus.models() | corpus.tables() | {"config.toml": corpus.CONFIGS["rbm"].encode()}
    for name, data in named.items():
        if not (folder / f"c-{name}").exists():
            (folder / f"c-{name}").write_bytes(data)
    others = [
        "",
        "nothing.npz",
        str(folder),
        "/dev/null",
        "-",
        "a\nb",
        "/proc/self/mem",
        "\udcff.npz",
        "x" * 300,
        "~",
        ".",
    ]
    return [str(folder / f"c-{name}") for name in named] + others


_NUMBERS = (
    "0",
    "1",
    "2",
    "3",
    "-1",
    "0.5",
    "1e-3",
    "nan",
    "inf",
    "-inf",
    "a",
    "",
    "1,5",
    "0x3",
    "99999999999999999999",
    "é",
)
_SETTINGS = (
    "n_sweeps=2",
    "beta=0.5",
    "beta=nan",
    "n_adapt=1",
    "n_replicas=3",
    "x",
    "=",
    "a=b",
    "n_sweeps=0",
    "betas=[0.0,1.0]",
    "n_temperatures=3",
    "rounds=1",
    "scan='random'",
    "k=[",
    "n_chains=2",
)
_METHODS = (
    "exact",
    "ais",
    "reverse_ais",
    "raise",
    "mbar",
    "mean_field",
    "tap",
    "population",
    "other",
    "",
    "auto",
)
_SAMPLERS = (
    "gibbs",
    "Gibbs",
    "metropolis",
    "tempering",
    "annealing",
    "direct",
    "swendsenwang",
    "wolff",
    "populationannealing",
    "other",
    "",
)


def _value(rng: Rng, command: str, option: click.Parameter) -> str:
    """A value for an option: of its kind, or not."""
    name = option.name or ""
    if name in ("output", "out"):
        return str(
            corpus.folder()
            / one_of(rng, ("o.csv", "o.npy", "o.npz", "o.png", "o", "none/o.csv", "é.csv", ""))
        )
    if name == "budget":
        return one_of(rng, ("0.02", "0.02s", "0.0001h", "0", "-1s", "nan", "x", "", "1e999", "s"))
    if name == "accuracy":
        return one_of(rng, ("0.5", "0", "-1", "nan", "a", "inf"))
    if name in ("method", "sampler"):
        return one_of(rng, _METHODS if name == "method" else _SAMPLERS)
    if name in ("settings", "overrides"):
        return one_of(rng, _SETTINGS)
    if name == "key":
        return one_of(rng, ("X", "y", "a", "nothing", ""))
    if name == "labels":
        return one_of(rng, ("-1", "y", "0", "99", "", "a", "label"))
    return one_of(rng, _NUMBERS)


def _line(rng: Rng) -> list[str]:
    """A command line."""
    command = one_of(
        rng,
        (
            "sample",
            "logz",
            "score",
            "predict",
            "transform",
            "run",
            "resume",
            "plot",
            "sample",
            "logz",
            "score",
            "other",
        ),
    )
    if command not in main.commands:
        return [command] if rng.random() < 0.5 else []
    files, line = _files(), [command]
    models = [path for path in files if path.rpartition("/c-")[2] in corpus.models()]
    tables = [path for path in files if path.rpartition("/c-")[2] in corpus.tables()]
    for option in main.commands[command].params:
        if isinstance(option, click.Argument):
            good = models if option.name == "model" else tables if option.name == "data" else files
            line.append(one_of(rng, good if rng.random() < 0.8 else files))
        elif option.name == "n":
            line += ["-n", one_of(rng, ("1", "3", "5", "0", "-2", "a", "99999999999"))]
        elif rng.random() < 0.25:
            line.append(option.opts[-1])
            if not (isinstance(option, click.Option) and option.is_flag):
                line += [_value(rng, command, option) for _ in range(option.nargs)]
    if command == "plot" and "--thermo" in line and "--budget" not in line:
        line += ["--budget", "0.05"]
    if command in ("logz", "score") and "--budget" not in line:
        line += (
            ["--budget", "0.02"]
            if "auto" in line or "mbar" in line or "reverse_ais" in line or "population" in line
            else []
        )
    if rng.random() < 0.05:
        line.insert(
            int(rng.integers(len(line))), one_of(rng, ("--nothing", "-h", "--version", "", "-n", "--"))
        )
    return line


def commands(rng: Rng) -> tuple[str, str]:
    """A command line, in this process."""
    return invoked(_line(rng))


def processes(rng: Rng) -> tuple[str, str]:
    """A command line in a process of its own."""
    line = [part for part in _line(rng) if "\0" not in part]
    ended = subprocess.run(
        [sys.executable, "-m", "ebm", *line], capture_output=True, stdin=subprocess.DEVNULL, timeout=600
    )
    return _said(line, ended.returncode, ended.stderr.decode(errors="replace"))
