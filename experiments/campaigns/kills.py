"""Runs that are killed and resumed end with the same bits; ``python -m experiments.campaigns kills``.

One process imports everything and forks: each child runs a small config until it is killed, at a certain
write or at a random moment; others resume it, and are killed too; the last one comes to the end.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ebm.experiment.locking import is_lock
from experiments.campaigns.fuzz.corpus import CONFIGS, TEXTS, tables
from experiments.campaigns.tally import Tally

__all__ = ["run"]

_ALL = 600
_CALLS = ("fsync", "replace", "unlink", "mkdir", "rmdir", "chmod")  # of the system, on the way to a file
_KINDS = CONFIGS | {
    "tempered": """\
[data]
type = "BarsAndStripes"
n = 2
[machine]
type = "RBM"
n_hidden = 3
[rule]
type = "PCD"
n_chains = 3
centred = true
sampler = { type = "Tempering", n_replicas = 3, n_adapt = 2 }
[optimiser]
type = "Averaged"
optimiser = { type = "Adam", rate = 0.01 }
[train]
epochs = 4
batch_size = 4
log_likelihood = "tempering"
[plots]
enabled = false
""",
    "sparse": """\
[data]
type = "BarsAndStripes"
n = 2
[machine]
type = "RBM"
n_hidden = 3
[rule]
type = "SparseHidden"
rule = { type = "FastPCD", n_chains = 3 }
[optimiser]
type = "RMSprop"
rate = 0.01
[train]
epochs = 3
batch_size = 4
penalties = [{ type = "L1", strength = 1e-3 }]
constraints = [{ type = "NonNegative" }]
[plots]
enabled = false
""",
}


def run(tally: Tally, n: int | None = None, seed: int = 0) -> None:
    """Kill runs of every kind, two in three at a write and one in three at a random moment."""
    wanted = _ALL if n is None else n
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        here = Path(folder)
        for name, text in TEXTS.items():
            (here / name).write_text(text)
        (here / "bits.npy").write_bytes(tables()["bits.npy"])
        wholes = {name: _Whole(here, name) for name in _KINDS}
        for number in range(wanted):
            whole = list(wholes.values())[number % len(wholes)]
            kind, outcome, words = _killed(whole, here / "broken", seed, number)
            tally.add(kind, outcome, f"{number}: {whole.name}: {words}")
            if outcome == "failed":
                print(f"{kind}: {number}: {whole.name}: {words}", flush=True)


class _Whole:
    """A run that nobody disturbed: what it left, how long it took, how often it called the system."""

    def __init__(self, here: Path, name: str) -> None:
        self.name, self.config = name, here / f"{name}.toml"
        self.config.write_text(_KINDS[name])
        out, count = here / f"whole-{name}", here / "count"
        before = os.getcwd()
        os.chdir(here)
        _begin(self.config, out)  # in this process: children have its imports and kernels
        os.chdir(before)
        shutil.rmtree(out)
        began = time.perf_counter()
        code = _ended(_fork(here, lambda: _counted(lambda: _begin(self.config, out), count)))
        assert code == 0, f"{name}: {(here / 'said').read_text()}"
        self.seconds, self.calls, self.left = time.perf_counter() - began, int(count.read_text()), _left(out)


def _fork(here: Path, work: Callable[[], Any]) -> int:
    """Do something in a child; what it says goes to a file."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(here)
        said = os.open("said", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(said, 1)
        os.dup2(said, 2)
        work()
        code = 0
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _ended(child: int) -> int:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except BaseException:  # interrupted, or out of time
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        raise


def _begin(config: Path, out: Path) -> None:
    """Run, or resume what there is."""
    from rich.console import Console

    from ebm import experiment
    from ebm.experiment.report import Report

    report = Report(Console(file=io.StringIO()))
    if experiment.directory.RunDirectory(out).is_run():
        experiment.resume(out, report=report)
    else:  # killed before its config was there: it begins anew, as the command would
        experiment.run(config, out=out, report=report)


def _hooked(before: Callable[[str, tuple[Any, ...]], None]) -> None:
    """Let every call of the system that changes files ask first."""
    for name in _CALLS:
        real = getattr(os, name)

        def asks(*args: Any, _real: Any = real, _name: str = name, **how: Any) -> Any:
            before(_name, args)
            return _real(*args, **how)

        setattr(os, name, asks)


def _counted(work: Callable[[], Any], count: Path) -> None:
    calls: list[str] = []
    _hooked(lambda name, _: calls.append(name))
    work()
    count.write_text(str(len(calls)))


def _dies_at(place: int, torn: bool, out: Path, work: Callable[[], Any]) -> None:
    """Work until a certain call of the system: killed before it, or with half of what is new not on disk."""
    left = [place]
    on_disk = {path.stat().st_ino: path.stat().st_size for path in out.rglob("*") if path.is_file()}

    def before(name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync":
            status = os.fstat(args[0])
            synced, size = on_disk.get(status.st_ino, 0), status.st_size
            on_disk[status.st_ino] = size
        if left[0] == 0:
            if torn and name == "fsync" and size > synced:
                os.ftruncate(args[0], (synced + size) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    _hooked(before)
    work()


def _killed(whole: _Whole, out: Path, seed: int, number: int) -> tuple[str, str, str]:
    """Kill a run one to three times; then let it come to its end, and compare."""
    rng = random.Random(seed * 1_000_003 + number)
    shutil.rmtree(out, ignore_errors=True)
    at_write, how = number % 3 < 2, []
    for k in range(rng.choice((1, 1, 2, 3))):
        begin = functools.partial(_begin, whole.config, out)
        if at_write:
            # in turn, so that every place is one where a run dies; those of a resumed run are any
            place = number // len(_KINDS) % whole.calls if k == 0 else rng.randrange(whole.calls)
            torn = rng.random() < 0.5
            how.append(f"call {place}{' torn' * torn}")
            code = _ended(_fork(out.parent, functools.partial(_dies_at, place, torn, out, begin)))
        else:
            moment = rng.uniform(0, 1.1) * whole.seconds
            how.append(f"{moment:.3f} s")
            child = _fork(out.parent, begin)
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
            code = _ended(child)
        if code not in (0, -signal.SIGKILL):
            return _kind(at_write), "failed", f"{how}: {(out.parent / 'said').read_text()[-500:]}"
    code = _ended(_fork(out.parent, lambda: _begin(whole.config, out)))
    if code:
        return _kind(at_write), "failed", f"{how}: not resumed: {(out.parent / 'said').read_text()[-500:]}"
    return _kind(at_write), *_same(whole.left, _left(out), how)


def _kind(at_write: bool) -> str:
    return "killed at a write" if at_write else "killed at a moment"


def _left(out: Path) -> dict[str, Any]:
    """What a run leaves, without what a clock says."""
    found: dict[str, Any] = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.suffix == ".npz":
            with np.load(path) as archive:
                found |= {f"{name}/{key}": archive[key] for key in archive.files}
        elif name == "metrics.jsonl":
            found[name] = [_timeless(json.loads(line)) for line in path.read_text().splitlines()]
        elif name == "summary.json":
            found[name] = _timeless(json.loads(path.read_text()))
        elif path.is_file() and not is_lock(path):  # locks go with the process, their files need not
            found[name] = None
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if "seconds" not in key}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _same(one: dict[str, Any], other: dict[str, Any], how: list[str]) -> tuple[str, str]:
    if one.keys() != other.keys():
        return "failed", f"{how}: files {sorted(one.keys() ^ other.keys())}"
    for name, value in one.items():
        if isinstance(value, np.ndarray):
            equal = value.dtype == other[name].dtype and value.tobytes() == other[name].tobytes()
        else:
            equal = json.dumps(value) == json.dumps(other[name])
        if not equal:
            return "failed", f"{how}: {name} differs"
    return "right", ""
