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


def rbmjl() -> None:
    """The layout of RestrictedBoltzmannMachines.jl, version 1.0.0: axes reversed, as Julia writes them."""
    import h5py
    import numpy as np

    rng = np.random.default_rng(0)

    def par(kind: str, n: int) -> np.ndarray:
        columns = {"Binary": 1, "Spin": 1, "Gaussian": 2, "ReLU": 2}.get(kind, 4)
        found = rng.normal(size=(n, 3, 1) if kind == "Potts" else (n, columns))
        if kind in ("Gaussian", "ReLU"):
            found[:, 1] = rng.uniform(0.5, 2, n)
        if kind == "dReLU":
            found[:, 2:] = rng.uniform(0.5, 2, (n, 2))
        return found

    machines = (
        ("binary", "Binary", "Binary", "StandardizedRBM"), ("spin", "Spin", "Gaussian", "CenteredRBM"),
        ("potts", "Potts", "dReLU", "StandardizedRBM"), ("gaussian", "Gaussian", "ReLU", "RBM"),
        ("xrelu", "Binary", "xReLU", "RBM"), ("two", "Binary", "Potts", "RBM"),
    )  # fmt: skip
    for name, visible, hidden, kind in machines:
        pars = [par(visible, 4), par(hidden, 2)]
        shapes = [p.shape[:-1] for p in pars]
        with h5py.File(FOLDER / f"rbmjl.{name}.h5", "w") as file:
            file["rbm_hdf5_file_format_version"], file["rbm_type"] = "1.0.0", kind
            file["visible_type"], file["hidden_type"] = visible, hidden
            file["visible_par"], file["hidden_par"] = pars
            file["weights"] = 0.5 * rng.normal(size=(*shapes[1], *shapes[0]))
            if kind != "RBM":
                file["offset_v"], file["offset_h"] = (rng.normal(size=shape) for shape in shapes)
            if kind == "StandardizedRBM":
                file["scale_v"], file["scale_h"] = (rng.uniform(0.5, 2, size=shape) for shape in shapes)


def pgm() -> None:
    """Objects with the names and attributes that PGM pickles; PGM itself is in no registry."""
    import pickle
    import sys
    import types

    import numpy as np

    rng = np.random.default_rng(0)
    modules = {name: types.ModuleType(name) for name in ("rbm", "layer")}
    natures = ("Bernoulli", "Spin", "Potts", "Gaussian", "ReLU", "dReLU")
    for module, names in (("rbm", ["RBM"]), ("layer", [f"{nature}Layer" for nature in natures])):
        for name in names:
            setattr(modules[module], name, type(name, (), {"__module__": module}))

    def layer(nature: str, n: int, q: int) -> object:
        made = getattr(modules["layer"], f"{nature}Layer")()
        made.N, made.nature, made.n_c, made.random_state = n, nature, q, np.random.RandomState(0)
        if nature in ("Bernoulli", "Spin", "Potts"):
            made.fields = rng.normal(size=(n, q) if q > 1 else n).astype(np.float32)
        for name in ("theta", "theta_plus", "theta_minus", "gamma", "gamma_plus", "gamma_minus"):
            draw = rng.normal if name.startswith("theta") else lambda size: rng.uniform(0.5, 2, size)
            setattr(made, name, draw(size=n).astype(np.float32))
        return made

    machines = (
        ("potts", "Potts", 3, "dReLU", 1, 4), ("bits", "Bernoulli", 1, "Gaussian", 1, 2),
        ("spin", "Spin", 1, "ReLU", 1, 0), ("two", "Potts", 3, "Potts", 2, 5),
    )  # fmt: skip
    sys.modules |= modules
    for name, visible, q, hidden, p, protocol in machines:
        made = modules["rbm"].RBM()
        made.n_v, made.n_h, made.n_cv, made.n_ch, made.visible, made.hidden = 4, 2, q, p, visible, hidden
        made.vlayer, made.hlayer = layer(visible, 4, q), layer(hidden, 2, p)
        made.weights = 0.5 * rng.normal(size=(2, 4, *(k for k in (p, q) if k > 1))).astype(np.float32)
        (FOLDER / f"pgm.{name}.data").write_bytes(pickle.dumps(made, protocol))


def qucumber() -> None:
    """QuCumber's own `save` of a positive wave function."""
    import torch
    from qucumber.nn_states import PositiveWaveFunction

    torch.manual_seed(0)
    state = PositiveWaveFunction(4, 2, gpu=False)
    for bias in (state.rbm_am.visible_bias, state.rbm_am.hidden_bias):
        bias.data = torch.randn_like(bias)
    state.save(str(FOLDER / "qucumber.positive.pt"), metadata={"epochs": 3})


def learnergy() -> None:
    """The state dict of learnergy's own RBM."""
    import torch
    from learnergy.models.bernoulli import RBM

    torch.manual_seed(0)
    model = RBM(n_visible=4, n_hidden=2)
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter)
    torch.save(model.state_dict(), FOLDER / "learnergy.rbm.pth")


def grbm() -> None:
    """State dicts with the names that D-Wave's plugin uses, by torch's `save`."""
    import torch

    torch.manual_seed(0)
    model = torch.nn.Module()
    model._linear, model._quadratic = (torch.nn.Parameter(torch.randn(n)) for n in (4, 4))
    torch.save(model.state_dict(), FOLDER / "grbm.first.pt")
    indices = {
        "_edge_idx_i": [0, 0, 1, 2],
        "_edge_idx_j": [1, 2, 3, 3],
        "_visible_idx": [0, 2, 3],
        "_hidden_idx": [1],
    }
    for name, value in indices.items():
        model.register_buffer(name, torch.tensor(value))
    torch.save(model.state_dict(), FOLDER / "grbm.hidden.pt")


def adabmdca() -> None:
    """A Potts model in both generations of adabmDCA's parameters."""
    import numpy as np
    import torch
    from adabmDCA import io

    rng = np.random.default_rng(0)
    J = np.triu(rng.normal(size=(3, 3)), 1)[:, None, :, None] * rng.normal(size=(3, 5, 3, 5))
    params = {"bias": rng.normal(size=(3, 5)), "coupling_matrix": J + J.transpose(2, 3, 0, 1)}
    tensors = {name: torch.tensor(values) for name, values in params.items()}
    io.save_params(str(FOLDER / "adabmdca.letters.dat"), tensors, tokens="rna")
    io.save_params_oldformat(str(FOLDER / "adabmdca.numbers.dat"), tensors)


def pairwise() -> None:
    """Text of formats that no library writes, by their definitions: those of tests/pairwise_files.py."""
    sys.path.insert(0, str(FOLDER.parents[1]))
    from pairwise_files import FILES

    for name, file, text, options, *_ in FILES:
        if not options and name != "dimod-coo":
            (FOLDER / f"{name}.{file}").write_text(text)


MAKERS: dict[str, Callable[[], None]] = {
    "own": own,
    "sklearn": sklearn,
    "rbms": rbms,
    "torchrbm": torchrbm,
    "dimod": dimod,
    "rbmjl": rbmjl,
    "pgm": pgm,
    "qucumber": qucumber,
    "learnergy": learnergy,
    "grbm": grbm,
    "pairwise": pairwise,
    "adabmdca": adabmdca,
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
