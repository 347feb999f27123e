"""Sweeps under every engine, and what is done to them: are the models equal to the bit?

    python -m experiments.sweep [engines|workers|drivers|two|faults|speed ...] [--out results.jsonl]

Twenty-four tiny runs (three sizes, eight seeds) by each. One line of JSON each; without names all but speed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ebm import experiment
from ebm.experiment import engines

ROOT = Path(__file__).parents[2]
TINY = ROOT / "configs" / "tiny.toml"
GRID = ("machine.n_hidden=4,6,8", "train.seed=0:8")
SET = ("plots.enabled=false", "sample.n=20", "train.epochs=300", "train.evaluate_every=20")
LONG = ("plots.enabled=false", "sample.n=20", "train.epochs=3000", "train.evaluate_every=50")


def models(path: Path) -> dict[str, dict[str, bytes]]:
    """The arrays of the models of a sweep, as bytes."""
    found = {}
    for file in sorted(path.glob("*/model.npz")):
        with np.load(file) as archive:
            found[file.parent.name] = {key: archive[key].tobytes() for key in archive.files}
    return found


def begin(
    out: Path, overrides: Sequence[str], *more: str, grid: Sequence[str] = GRID
) -> subprocess.Popen[str]:
    """`ebm sweep` as a user begins it."""
    command = [sys.executable, "-m", "ebm", "sweep", str(TINY), "--out", str(out), *more]
    for item in grid:
        command += ["--grid", item]
    for item in overrides:
        command += ["--set", item]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def children(process: int) -> list[int]:
    """Spawned workers of a process, without the tracker of resources."""
    numbers: list[str] = []
    for file in Path(f"/proc/{process}/task").glob("*/children"):  # each by the thread that began it
        with contextlib.suppress(OSError):
            numbers += file.read_text().split()
    return [int(n) for n in numbers if b"spawn_main" in _command(n)]


def _command(number: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_bytes()
    return b""


def whole(folder: Path, overrides: Sequence[str]) -> dict[str, dict[str, bytes]]:
    """What nobody disturbed, in this process."""
    found = experiment.sweep(TINY, GRID, overrides=overrides, out=folder / "whole")
    assert not found.failed
    return models(found.path)


def by_engines(folder: Path) -> Iterator[dict[str, Any]]:
    """The same by all engines."""
    expected = whole(folder, SET)
    for name, made in ENGINES.items():
        began = time.monotonic()
        try:
            with made(folder / name) as executor:
                found = experiment.sweep(TINY, GRID, overrides=SET, out=folder / name, executor=executor)
        except Exception as error:
            yield {"engine": name, "error": str(error)}
            continue
        same = models(found.path) == expected
        yield {"engine": name, "runs": len(found.runs), "equal": same, "seconds": _since(began)}


@contextlib.contextmanager
def _processes(path: Path) -> Iterator[Any]:
    with experiment.Workers(2) as workers:
        yield workers


ENGINES: dict[str, Callable[[Path], contextlib.AbstractContextManager[Any]]] = {
    "here": lambda path: contextlib.nullcontext(),
    "2 processes": _processes,
    "Dask, 2 workers": lambda path: engines.dask("local"),
    "submitit, local": lambda path: engines.slurm(
        {"cluster": "local", "timeout_min": 60}, path.with_name("submitit"), 2
    ),
}


def killed_workers(folder: Path) -> Iterator[dict[str, Any]]:
    """Workers of our own are killed at random moments."""
    expected, rng, kills, rounds = whole(folder, LONG), random.Random(0), 0, 0
    equal = True
    while kills < 20:
        out, before = folder / f"killed{rounds}", kills
        process = begin(out, LONG, "--workers", "2")
        while process.poll() is None:
            time.sleep(rng.uniform(3, 12))
            there = children(process.pid)
            if (
                there and kills - before < 12
            ):  # more than a sweep can take: five without progress are too many
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rng.choice(there), signal.SIGKILL)
                    kills += 1
        said, _ = process.communicate()
        equal = equal and process.returncode == 0 and models(out) == expected
        print(f"round {rounds}: {kills - before} kills, code {process.returncode}", said[-300:], flush=True)
        rounds += 1
    yield {"killed": "workers", "kills": kills, "sweeps": rounds, "equal": equal}


def killed_dask(folder: Path) -> Iterator[dict[str, Any]]:
    """Workers of Dask are killed at random moments."""
    import threading

    from distributed import Client

    expected, rng, kills, over = whole(folder, LONG), random.Random(1), [0], threading.Event()
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:

        def kill() -> None:
            while not over.wait(rng.uniform(10, 20)):
                with contextlib.suppress(Exception):
                    os.kill(rng.choice(list(client.run(os.getpid).values())), signal.SIGKILL)
                    kills[0] += 1
                    client.cluster.scale(2)  # a nanny that gives up takes its worker along for good

        killer = threading.Thread(target=kill)
        killer.start()
        found = experiment.sweep(
            TINY,
            GRID,
            overrides=LONG,
            out=folder / "dask",
            executor=client.get_executor(retries=3, pure=False),
        )
        over.set()
        killer.join()
    equal = not found.failed and models(found.path) == expected
    yield {"killed": "workers of Dask", "kills": kills[0], "sweeps": 1, "equal": equal}


def killed_drivers(folder: Path) -> Iterator[dict[str, Any]]:
    """The process that drives is killed at random moments, and the command given again."""
    expected, rng, kills, out = whole(folder, LONG), random.Random(2), 0, folder / "drivers"
    code = None
    while code is None:
        process = begin(out, LONG, "--workers", "2")
        try:
            process.wait(rng.uniform(2, 8) if kills < 12 else None)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    orphans = subprocess.run(
        ["pgrep", "-f", "spawn_main"], capture_output=True, text=True, check=False
    ).stdout
    equal = code == 0 and models(out) == expected
    yield {"killed": "drivers", "kills": kills, "equal": equal, "orphans": len(orphans.split())}


def two_at_once(folder: Path) -> Iterator[dict[str, Any]]:
    """Two drivers on one directory."""
    expected, out = whole(folder, LONG), folder / "two"
    both = [begin(out, LONG, "--workers", "1") for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    codes = [process.returncode for process in both]
    print(*(text[-200:] for text in said))
    yield {"at once": 2, "codes": codes, "equal": models(out) == expected}


def faults(folder: Path) -> Iterator[dict[str, Any]]:
    """One config that diverges, one that is none, a disk that is full and then is not."""
    expected = whole(folder, SET)
    grid = (*GRID, "optimiser.rate=0.1,1e308")
    bad = ("machine.n_hidden=4,-1,6,8", "train.seed=0:8")
    for name, axes, wrong in (("diverges", grid, 24), ("bad config", bad, 8)):
        process = begin(folder / name, SET, "--workers", "2", grid=axes)
        said, _ = process.communicate()
        found = models(folder / name)
        right = {key.removesuffix(",optimiser.rate=0.1"): value for key, value in found.items()} == expected
        errors = len(list((folder / name).glob("*/error.txt")))
        lines = sum(": failed: " in line for line in said.splitlines())
        yield {
            "fault": name, "code": process.returncode, "finished": len(found), "equal": right,
            "error.txt": errors, "told": lines > 0, "wanted": wrong, "traceback": "Traceback" in said,
        }  # fmt: skip
    disk = folder / "disk"
    disk.mkdir()
    with _small(disk) as grow:
        process = begin(disk / "s", SET, "--workers", "2")
        said, _ = process.communicate()
        yield {
            "fault": "full disk", "code": process.returncode, "finished": len(models(disk / "s")),
            "told": "No space" in said, "traceback": "Traceback" in said,
        }  # fmt: skip
        grow()
        process = begin(disk / "s", SET, "--workers", "2")
        said, _ = process.communicate()
        equal = models(disk / "s") == expected
        yield {"fault": "full disk, then not", "code": process.returncode, "equal": equal}


@contextlib.contextmanager
def _small(folder: Path) -> Iterator[Callable[[], object]]:
    """A file system of a few hundred kilobytes, which can grow; needs root."""
    mount = ["mount", "-t", "tmpfs", "-o"]
    subprocess.run([*mount, "size=600k", "tmpfs", str(folder)], check=True)
    try:
        yield lambda: subprocess.run([*mount, "remount,size=64m", "tmpfs", str(folder)], check=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def speed(folder: Path) -> Iterator[dict[str, Any]]:
    """Two runs of the digits: one after the other, and side by side."""
    config = ROOT / "configs" / "digits.toml"
    grid, overrides = ("train.seed=0,1",), ("plots.enabled=false", "train.epochs=60")
    seconds: dict[str, list[float]] = {"1": [], "2": []}
    for turn in range(2):
        for workers in seconds:
            out, began = folder / f"{workers}-{turn}", time.monotonic()
            command = [sys.executable, "-m", "ebm", "sweep", str(config), "--out", str(out)]
            command += [
                "--workers",
                workers,
                *(f"--grid={g}" for g in grid),
                *(f"--set={s}" for s in overrides),
            ]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[workers].append(_since(began))
    ratio = min(seconds["2"]) / min(seconds["1"])
    yield {
        "seconds, one after the other": seconds["1"],
        "side by side": seconds["2"],
        "ratio": round(ratio, 3),
    }


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)


PARTS = {
    "engines": by_engines,
    "workers": killed_workers,
    "dask": killed_dask,
    "drivers": killed_drivers,
    "two": two_at_once,
    "faults": faults,
    "speed": speed,
}


def main() -> None:
    """Do what is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results.jsonl")
    chosen = parser.parse_args()
    for name in chosen.parts or [part for part in PARTS if part != "speed"]:
        folder = Path(tempfile.mkdtemp(prefix="sweep-"))
        try:
            for row in PARTS[name](folder):
                print(json.dumps(row), flush=True)
                with chosen.out.open("a") as file:
                    file.write(json.dumps({"part": name} | row) + "\n")
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
