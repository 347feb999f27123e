"""Good files of every kind, made once: what the fuzzer damages."""

from __future__ import annotations

import functools
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from experiments.campaigns.fuzz.values import MACHINES

__all__ = ["CONFIGS", "folder", "graphs", "images", "models", "run_files", "tables"]

_BITS = np.random.default_rng(0).integers(0, 2, (12, 4))
# Valid configs of every table: small, so that one that still is a config after damage ends soon.
CONFIGS = {
    "rbm": """\
[data]
type = "BarsAndStripes"
n = 2
[machine]
type = "RBM"
n_hidden = 2
scale = 0.1
[rule]
type = "PCD"
n_chains = 4
centred = true
[optimiser]
type = "SGD"
rate = { type = "Linear", start = 0.1, stop = 0.0, epochs = 2 }
momentum = 0.5
[log_z]
method = "ais"
n_temperatures = 3
n_chains = 3
[sample]
n = 3
[train]
epochs = 2
batch_size = 3
[plots]
enabled = false
""",
    "boltzmann": """\
[data]
type = "BarsAndStripes"
n = 2
[machine]
type = "BoltzmannMachine"
n_hidden = 1
cut = [[0, 1, 1, 2]]
[rule]
type = "Exact"
[optimiser]
type = "Adam"
rate = 0.01
[log_z]
method = "exact"
[completion]
given = 2
[train]
epochs = 2
batch_size = 3
[plots]
enabled = false
[traces]
betas = [0.5, 1.0]
n_sweeps = 2
n_chains = 2
""",
    "dbm": """\
[data]
type = "BarsAndStripes"
n = 2
[machine]
type = "DBM"
sizes = [2, 2]
[rule]
type = "PCD"
n_chains = 3
[train]
epochs = 2
batch_size = 3
[plots]
enabled = false
""",
    "dbn": """\
[data]
type = "BarsAndStripes"
n = 2
[machine]
type = "DBN"
sizes = [2, 2]
hidden = { type = "Ising" }
[rule]
type = "CD"
k = 2
[train]
epochs = 2
batch_size = 3
[plots]
enabled = false
""",
    "glass": """\
[machine]
type = "Lattice"
shape = [2, 2]
disorder = "gaussian"
[traces]
betas = [1.0]
n_sweeps = 2
n_chains = 2
[annealing]
n_chains = 2
sampler = { start = 0.1, stop = 2.0, n_steps = 3, n_sweeps = 1 }
[plots]
enabled = false
""",
    "file": """\
[data]
type = "File"
path = "rows.csv"
labels = -1
test = 0.3
seed = 1
[machine]
type = "LabelledRBM"
n_hidden = 2
[rule]
type = "Discriminative"
dropout = 0.1
[optimiser]
type = "Averaged"
optimiser = { type = "RMSprop", rate = 0.01 }
[train]
epochs = 2
batch_size = 3
[plots]
enabled = false
""",
    "stopping": """\
[data]
type = "File"
path = "bits.npy"
[machine]
type = "RBM"
n_hidden = 2
visible = { type = "Bernoulli" }
[train]
epochs = 2
batch_size = 4
stopping = { score = "pseudo_likelihood", patience = 1 }
penalties = [{ type = "L2", strength = 1e-3 }, { type = "L1", strength = 1e-3 }]
constraints = [{ type = "MaxNorm", limit = 1.0 }]
log_likelihood = "exact"
kl = true
[plots]
enabled = false
""",
    "readout": """\
[data]
type = "File"
path = "rows.csv"
labels = "y"
[machine]
type = "RBM"
n_hidden = 2
[readout]
epochs = 1
batch_size = 4
[fine_tune]
epochs = 1
dropout = [0.1, 0.1]
[train]
epochs = 2
batch_size = 3
[plots]
enabled = false
""",
}


def _lines(rows: np.ndarray) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())


TEXTS = {
    "bits.csv": _lines(_BITS),
    "rows.csv": "a,b,c,y\n" + _lines(np.tile(_BITS, (2, 1))),
    "decimal.csv": "x;y\n" + _lines(np.arange(16).reshape(8, 2) / 8).replace(",", ";").replace(".", ","),
    "named.csv": '"",one,"two, or"\nr1,0.5,1\nr2,1e-3,2\nr3,-4,0\n',
    "tabs.csv": "\ufeff1\t0\t1\r\n0\t0\t1\r\n1\t1\t1\r\n",
    "spins.csv": "1 -1 1\n-1 -1 1\n1 1 -1\n",
}


@functools.cache
def folder() -> Path:
    """A folder of this process's own."""
    return Path(tempfile.mkdtemp(prefix="ebm-fuzz-"))


def _bytes(save: Any, *args: Any, **arrays: Any) -> bytes:
    file = io.BytesIO()
    save(file, *args, **arrays)
    return file.getvalue()


@functools.cache
def tables() -> dict[str, bytes]:
    """Tables of numbers in every format."""
    numbers = np.random.default_rng(1).normal(size=(8, 3))
    return {
        **{name: text.encode() for name, text in TEXTS.items()},
        "bits.npy": _bytes(np.save, _BITS),
        "numbers.npy": _bytes(np.save, numbers),
        "fortran.npy": _bytes(np.save, np.asfortranarray(numbers.astype(">f4"))),
        "rows.npz": _bytes(np.savez, X=_BITS, y=np.arange(12) % 2),
        "zipped.npz": _bytes(np.savez_compressed, a=numbers, label=np.arange(8) % 3),
    }


@functools.cache
def models() -> dict[str, bytes]:
    """Files of everything that can be saved."""
    made: dict[str, Any] = {name: make() for name, make in MACHINES.items()}
    machine = MACHINES["rbm"]()
    for name, rule, optimiser in (
        ("pcd", ebm.PCD(n_chains=3, centred=True), ebm.SGD(0.1, momentum=0.5)),
        ("cd", ebm.CD(), ebm.Averaged(ebm.Adam(0.01))),
    ):
        made[f"state of {name}"] = ebm.begin(machine, rule, optimiser)
    ebm.fit(machine, _BITS, epochs=1, rule=ebm.CD())
    rows, y = _BITS.astype(float), np.arange(12) % 2
    e = ebm.estimators
    made["transformer"] = e.RBMTransformer(2, n_iter=1, random_state=0).fit(rows)
    made["classifier"] = e.RBMClassifier(2, n_iter=1, random_state=0).fit(rows, y)
    found = {}
    for name, what in made.items():
        path = folder() / "made.npz"
        ebm.save(path, what)
        found[f"{name}.npz"] = path.read_bytes()
    return found


@functools.cache
def graphs() -> dict[str, bytes]:
    """Weighted graphs, as text, zipped and in an archive."""
    text = b"4 3\n1 2 1\n2 3 -1\n3 4 2.5\n"
    ends = np.array([[0, 1], [1, 2], [2, 3]])
    return {
        "G1": text,
        "G2.gz": gzip.compress(text),
        "G3.npz": _bytes(np.savez, G1_ij=ends, G1_w=np.ones(3), index=np.array([[1, 4, 3]])),
    }


@functools.cache
def images() -> dict[str, bytes]:
    """IDX files, plain and zipped."""
    images = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (3, 2, 2)) + bytes(range(12))
    labels = b"\0\0\x08\x01" + (3).to_bytes(4, "big") + bytes((0, 1, 2))
    return {"images": images, "labels": labels, "images.gz": gzip.compress(images)}


@functools.cache
def run_files() -> dict[str, dict[str, bytes]]:
    """The files of runs that stopped before their end, by config."""
    from ebm import experiment
    from ebm.experiment.report import Report

    found = {}
    for name in ("rbm", "boltzmann", "dbn"):
        config, out = folder() / f"{name}.toml", folder() / f"run-{name}"
        config.write_text(CONFIGS[name])
        experiment.run(config, out=out, report=_silent(Report))
        (out / "summary.json").unlink()
        files = sorted(path for path in out.rglob("*") if path.is_file() and path.name[0] != ".")
        found[name] = {str(path.relative_to(out)): path.read_bytes() for path in files}
    return found


def _silent(report: Any) -> Any:
    from rich.console import Console

    return report(Console(file=io.StringIO()))


def header_of(arrays: dict[str, np.ndarray]) -> Any:
    """The JSON header of a model file."""
    return json.loads(arrays["header"].tobytes())
