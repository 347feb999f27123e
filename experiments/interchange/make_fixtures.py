"""Make the tiny files of tests/fixtures/interchange by the programs that they are of.

``python -m experiments.interchange.make_fixtures [NAME ...]`` runs the functions of MAKERS, all of them when
none is named. Each writes FORMAT.anything, FORMAT its name in ``ebm.interchange.formats()``; those whose
program is not installed are said and left as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "tests" / "fixtures" / "interchange"


def own() -> None:
    """A machine in our own format."""
    import ebm

    ebm.save(FOLDER / "ebm.rbm.npz", ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 4, 2, scale=1.0, seed=1))


def sklearn() -> None:
    """scikit-learn's BernoulliRBM by skops."""
    import numpy as np
    import skops.io
    from sklearn.neural_network import BernoulliRBM

    rows = np.random.default_rng(0).integers(2, size=(40, 5)).astype(float)
    skops.io.dump(
        BernoulliRBM(n_components=3, n_iter=20, random_state=0).fit(rows), FOLDER / "sklearn.bernoulli.skops"
    )


def rbms() -> None:
    """rbms's own `save_model`, three updates of bits and two of Potts units; needs torch."""
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.io import save_model
    from rbms.potts_bernoulli.classes import PBRBM
    from rbms.training.utils import create_machine

    torch.manual_seed(0)
    kinds = {"bernoulli": (BBRBM, (5, 3), (5,), 3), "potts": (PBRBM, (3, 4, 2), (3, 4), 2)}
    for name, (kind, weights, fields, n) in kinds.items():
        path = FOLDER / f"rbms.{name}.h5"
        for k in range(n):
            params = kind(k * torch.randn(weights), torch.randn(fields), torch.randn(weights[-1]))
            if k == 0:
                sizes = {"num_visibles": fields[0], "num_hiddens": weights[-1], "num_chains": 6}
                create_machine(
                    filename=str(path), params=params, **sizes, batch_size=6, gibbs_steps=1,
                    learning_rate=0.01,
                    train_size=1.0, log=False, flags=[], seed=0, L1=0.0, L2=0.0,
                )  # fmt: skip
            else:
                save_model(str(path), params, params.init_chains(6), 10**k, float(k))


def torchrbm() -> None:
    """The layout of TorchRBM of 2024: parameters in the update itself, no type."""
    import h5py
    import numpy as np

    rng = np.random.default_rng(0)
    with h5py.File(FOLDER / "rbms.torchrbm.h5", "w") as file:
        for k in (1, 20):
            group = file.create_group(f"update_{k}")
            shapes = {"vbias": 4, "hbias": 3, "weight_matrix": (4, 3)}
            for name, shape in shapes.items():
                group[name] = rng.normal(size=shape).astype(np.float32)
        file["parallel_chains"] = rng.integers(2, size=(6, 4)).astype(np.float32)


def dimod() -> None:
    """Quadratic models by dimod: spins with labels, in both versions of its file; bits; JSON; coordinates."""
    import json

    import dimod
    from dimod.serialization import coo

    spins = dimod.BQM(
        {"a": 0.5, ("b", 1): -0.25, 7: 0.0}, {("a", ("b", 1)): -1.5, (("b", 1), 7): 0.75}, 2.5, "SPIN"
    )
    bits = dimod.BQM(
        {k: 0.5 * k - 1 for k in range(5)}, {(0, 3): 1.25, (1, 2): -2.0, (3, 4): 0.5}, -1.0, "BINARY"
    )
    for name, file in (
        ("spins.bqm", spins.to_file()),
        ("spins1.bqm", spins.to_file(version=1)),
        ("bits.bqm", bits.to_file()),
        ("float32.bqm", dimod.BQM(bits, dtype="float32").to_file()),
    ):
        (FOLDER / f"dimod.{name}").write_bytes(file.read())
    for name, model in (("spins", spins), ("bits", bits)):
        (FOLDER / f"dimod-json.{name}.json").write_text(json.dumps(model.to_serializable()))
    (FOLDER / "dimod-coo.bits.coo").write_text(coo.dumps(bits, vartype_header=True))


MAKERS: dict[str, Callable[[], None]] = {
    "own": own,
    "sklearn": sklearn,
    "rbms": rbms,
    "torchrbm": torchrbm,
    "dimod": dimod,
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or MAKERS:
        try:
            MAKERS[name]()
        except ImportError as error:
            print(f"{name}: left as it is: {error}")


if __name__ == "__main__":
    main()
