"""Files of data, of models and of runs, damaged; configs, damaged; and whoever reads them."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

import ebm
from ebm import datasets
from ebm.experiment.config import read_config, resolved
from experiments.campaigns.fuzz import corpus, damage
from experiments.campaigns.fuzz.arrays import Rng, one_of
from experiments.campaigns.fuzz.commands import invoked
from experiments.campaigns.verdicts import judged

__all__ = ["configs", "graphs", "models", "runs", "tables"]


def _written(name: str, data: bytes) -> Path:
    path = corpus.folder() / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.write_bytes(data)
    return path


def _damaged(rng: Rng, name: str, data: bytes) -> bytes:
    """What was in a file, as another one might have it."""
    how = rng.random()
    if name.endswith(".npz") and how < 0.7:
        return damage.npz(rng, data)
    if name.endswith((".csv", "G1")) and how < 0.7:
        return damage.text(rng, data.decode()).encode("utf-8", "surrogatepass")
    if how > 0.97:
        return one_of(
            rng,
            (
                b"",
                b"\0",
                b"PK\x03\x04",
                b"\x93NUMPY",
                b"\x80\x04K\x01.",
                b"\x1f\x8b\x08",
                data[: len(data) // 2],
            ),
        )
    return damage.bytes_of(rng, data)


def tables(rng: Rng) -> tuple[str, str]:
    """A table that is damaged, or read otherwise than it is meant."""
    name = one_of(rng, list(corpus.tables()))
    data = corpus.tables()[name]
    if rng.random() < 0.85:
        data = _damaged(rng, name, data)
    if rng.random() < 0.05:
        name = one_of(rng, ("a.csv", "a.npy", "a.npz", "a.CSV", "a.txt", "é.csv"))
    path = _written(name, data)
    key = one_of(rng, (None, None, None, "X", "a", "y", "nothing", "", 3))
    settings: dict[str, Any] = {}
    for choice, values in _OF_FILE.items():
        if rng.random() < 0.25:
            settings[choice] = one_of(rng, values)
    if rng.random() < 0.5:
        outcome, words = judged(lambda: _finite(datasets.read_array(path, key)))
    else:
        outcome, words = judged(lambda: datasets.File(str(path), key=key, **settings).load())
    return outcome, f"{name} {settings} {words}"


_OF_FILE = {
    "labels": (-1, 0, "y", "label", 99, 2**70, "", None, True),
    "threshold": (0.5, 0, -1e9, float("nan"), "a"),
    "kind": ("auto", "bernoulli", "ising", "gaussian", "potts", "other"),
    "test": (0.5, 0.01, 0.99, 0, 1, -1.0),
    "seed": (1, -1, 2**70),
    "delimiter": (",", ";", " ", "\t", "", "ab", '"'),
    "numbers": (True, False, 1),
    "image_shape": ([2, 2], [4, 1], [0, 4], [], [1, 2, 2], [-1, -4]),
}


def _finite(x: np.ndarray) -> None:
    assert x.ndim == 2, "no table"
    assert np.isfinite(x.astype(np.float64)).all(), "no finite numbers"


def graphs(rng: Rng) -> tuple[str, str]:
    """A file of a graph, or of images, that is damaged."""
    if rng.random() < 0.5:
        name = one_of(rng, list(corpus.graphs()))
        path = _written(name, _damaged(rng, name, corpus.graphs()[name]))
        of = one_of(rng, ("G1", "G1", None, "G9", "")) if name.endswith("npz") else None
        outcome, words = judged(lambda: datasets.read_gset(path, of))
    else:
        name = one_of(rng, list(corpus.images()))
        path = _written(name, _damaged(rng, name, corpus.images()[name]))
        outcome, words = judged(lambda: datasets.read_idx(path))
    return outcome, f"{name} {words}"


def models(rng: Rng) -> tuple[str, str]:
    """A model's file that is damaged; what loads is used and saved again."""
    name = one_of(rng, list(corpus.models()))
    path = _written("model.npz", _damaged(rng, name, corpus.models()[name]))
    if rng.random() < 0.1:
        outcome, words = invoked([one_of(rng, ("logz", "sample")), str(path)])
    else:
        outcome, words = judged(lambda: _used(ebm.load(path)))
    return outcome, f"{name} {words}"


def _used(what: Any) -> None:
    """Ask of what was loaded what it is for."""
    ebm.save(corpus.folder() / "again.npz", what)
    if isinstance(what, ebm.State):
        rule = ebm.PCD(n_chains=3, centred=True)
        ebm.partial_fit(what, np.ones((3, what.machine.n_visible)), rule, ebm.SGD(0.1, momentum=0.5))
        what = what.machine
    rows = np.zeros((2, 4))
    if isinstance(what, ebm.Machine):
        x = what.sweep(what.sample0(2, ebm.Stream(0)), ebm.Stream(1), 2)
        what.free_energy(x)
        what.visible_free_energy(x[:, : what.n_visible])
    elif isinstance(what, ebm.Network):
        what.predict(rows)
    elif isinstance(what, ebm.DBN):
        what.transform(rows)
        what.sample(2)
    else:
        what.predict(rows) if "predict" in dir(what) else what.transform(rows)


def _config(rng: Rng) -> tuple[str, bytes]:
    """A config of several tables, damaged."""
    name = one_of(rng, list(corpus.CONFIGS))
    written = corpus.CONFIGS[name]
    how = rng.random()
    if how < 0.6:
        tree: Any = tomllib.loads(written)
        if how < 0.15:  # a table of another config in its place
            other = tomllib.loads(corpus.CONFIGS[one_of(rng, list(corpus.CONFIGS))])
            table = one_of(rng, list(other))
            tree[table] = other[table]
        for _ in range(int(rng.integers(1, 3))):
            tree = damage.node(rng, tree)
        try:
            return name, tomli_w.dumps(tree).encode("utf-8", "surrogatepass")
        except (TypeError, AttributeError, ValueError):  # TOML has no null, and is a table
            return name, damage.text(rng, written).encode("utf-8", "surrogatepass")
    if how < 0.92:
        return name, damage.text(rng, written).encode("utf-8", "surrogatepass")
    return name, damage.bytes_of(rng, written.encode())


# Where a number makes a run long, a large one is no fault of ours: such configs are read, and not run.
_LONG = 1000


def _long(tree: Any) -> bool:
    if isinstance(tree, (dict, list)):
        return any(map(_long, tree.values() if isinstance(tree, dict) else tree))
    return isinstance(tree, (int, float)) and not abs(tree) < _LONG


def configs(rng: Rng) -> tuple[str, str]:
    """A config that is damaged: read, written out, read again; some are run."""
    name, data = _config(rng)
    for other in ("rows.csv", "bits.npy"):
        _written(other, corpus.tables()[other])
    path = _written("config.toml", data)
    sets = [one_of(rng, _SETS) for _ in range(int(rng.integers(3)))] if rng.random() < 0.3 else []
    try:
        runs = rng.random() < 0.06 and not _long(tomllib.loads(data.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        runs = rng.random() < 0.1
    if runs:
        out = corpus.folder() / "out"
        shutil.rmtree(out, ignore_errors=True)
        options = [part for item in sets for part in ("--set", item)]
        outcome, words = invoked(
            ["run", str(path), "--out", str(out), *options, "--set", "plots.enabled=false"]
        )
    else:
        outcome, words = judged(lambda: _again(path, sets))
    return outcome, f"{name} {sets} {words}"


_SETS = (
    "train.epochs=1",
    "train.epochs=0",
    "train.epochs=a",
    "rule.k=2",
    "rule.type=CD",
    "rule={}",
    "a.b=1",
    "train=3",
    "machine.n_hidden=1.5",
    "optimiser.rate.type=Linear",
    "log_z.method=exact",
    "log_z.method=1",
    "data.n=3",
    "x",
    "=",
    "train.=1",
    ".epochs=1",
    "train.epochs=[",
    "machine.visible.type=Potts",
    "train.penalties=[{type='L2'}]",
    "sample.sampler={type='Tempering'}",
    "train.seed=-1",
    "rule.a.b.c=1",
    "\x00.a=1",
    "train.epochs=2026-01-01",
)


def _again(path: Path, sets: list[str]) -> None:
    """What a config says, written out, says the same."""
    tables = resolved(read_config(path, sets))
    second = _written("again.toml", tomli_w.dumps(tables).encode())
    assert resolved(read_config(second)) == tables, "a config that reads otherwise when written out"


def runs(rng: Rng) -> tuple[str, str]:
    """A run's folder with a damaged file, resumed or plotted."""
    name = one_of(rng, list(corpus.run_files()))
    files = dict(corpus.run_files()[name])
    where = corpus.folder() / "broken"
    shutil.rmtree(where, ignore_errors=True)
    chosen = one_of(rng, list(files))
    how = int(rng.integers(8))
    if how == 0:
        del files[chosen]
    else:
        files[chosen] = _of_run(rng, chosen, files[chosen])
    for file, data in files.items():
        (where / file).parent.mkdir(parents=True, exist_ok=True)
        (where / file).write_bytes(data)
    if how == 1:
        (where / chosen).unlink()
        (where / chosen).mkdir()
    command = "resume" if rng.random() < 0.9 else "plot"
    outcome, words = invoked([command, str(where)])
    return outcome, f"{command} of {name} with {chosen} {words}"


def _of_run(rng: Rng, name: str, data: bytes) -> bytes:
    """A file of a run, damaged as its kind is."""
    if name.endswith(".json") and rng.random() < 0.6:
        import json

        tree = json.loads(data)
        for _ in range(int(rng.integers(1, 3))):
            tree = damage.node(rng, tree)
        return json.dumps(tree).encode()
    if name.endswith((".toml", ".jsonl", ".json")) and rng.random() < 0.7:
        return damage.text(rng, data.decode()).encode("utf-8", "surrogatepass")
    return _damaged(rng, name, data)


Trial = Callable[[Rng], tuple[str, str]]
