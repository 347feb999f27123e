"""Parameters in every layout: equal numbers, or one line; ``python -m tests.layouts [MACHINE …]``.

Run as a program, so that a crash is seen by whoever started it: each cell is named before it is tried.
"""

import functools
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import ebm
from ebm.datasets import lattice

B, I = ebm.Bernoulli(), ebm.Ising()
N, M = 70, 20  # more than a word of bits, and no multiple of a vector


def _coupled(n, width, dtype, seed=1):
    J = np.random.default_rng(seed).normal(size=(n * width, n * width)).astype(dtype) * 0.1
    J = np.triu(J, 1) + np.triu(J, 1).T
    for i in range(n):
        J[i * width : (i + 1) * width, i * width : (i + 1) * width] = 0
    return J


def _rbm(visible, hidden, n, m, dtype=np.float64):
    machine = ebm.RBM.random(visible, hidden, n, m, scale=0.1, dtype=dtype)
    for key in ("b", "c"):
        machine.params[key][:] = np.linspace(-0.5, 0.5, len(machine.params[key]))
    machine.project()
    return machine


MACHINES = {
    "float64": lambda: _rbm(B, B, N, M),
    "float32": lambda: _rbm(B, I, N, M, np.float32),
    "gaussian": lambda: _rbm(ebm.Gaussian(learn_precision=True), B, 9, 5),
    "potts": lambda: _rbm(ebm.Potts(3), ebm.Potts(3), 12, 5),
    "dense": lambda: ebm.BoltzmannMachine(I, _coupled(N, 1, np.float64), np.linspace(-1, 1, N)),
    "dense32": lambda: ebm.BoltzmannMachine(B, _coupled(40, 1, np.float32), np.zeros(40, np.float32)),
    "states": lambda: ebm.BoltzmannMachine(ebm.Potts(3), _coupled(8, 3, np.float64)),
    "sparse": lambda: ebm.BoltzmannMachine(I, lattice((6, 6)), np.linspace(-1, 1, 36)),
    "deep": lambda: ebm.DBM.random([20, 6, 4], scale=0.1, dtype="float64"),
}


def _unaligned(a):
    room = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    room[...] = a
    return room


def _readonly(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def _mapped(a):
    path = Path(tempfile.mkdtemp()) / "a.npy"
    np.save(path, a)
    return np.load(path, mmap_mode="r")


EQUAL = {
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "negative": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "turned": lambda a: np.ascontiguousarray(a.T).T,
    "inside": lambda a: np.pad(a, [(0, 3)] * a.ndim)[tuple(slice(0, s) for s in a.shape)],
    "other order": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "float16": lambda a: a.astype(np.float16),
    "float32": lambda a: a.astype(np.float32),
    "float64": lambda a: a.astype(np.float64),
    "long": lambda a: a.astype(np.longdouble),
    "int": lambda a: np.rint(a).astype(int) + (a.ndim == 1),
    "bool": lambda a: a > np.inf if a.ndim == 2 else a < np.inf,
    "read-only": _readonly,
    "mapped": _mapped,
    "unaligned": _unaligned,
    "list": lambda a: a.tolist(),
    "zero stride": lambda a: np.broadcast_to(a.dtype.type(a.ndim == 1), a.shape),
    "matrix": lambda a: np.asmatrix(a) if a.ndim == 2 else a.copy(),
}
REFUSED = {
    "short": lambda a: a[:-1],
    "empty": lambda a: a[:0],
    "scalar": lambda a: np.float64(1),
    "longer": lambda a: np.concatenate([a, a]),
    "other shape": lambda a: a[None],
    "flat": lambda a: np.resize(a, (a.size, 1)),
    "complex": lambda a: a + 1j,
    "text": lambda a: a.astype(str),
    "objects": lambda a: a.astype(object),
    "nan": lambda a: a * np.nan,
    "ragged": lambda a: [[1], [1, 2]],
    "none": lambda a: None,
}


def rows_of(machine):
    """Data of the machine."""
    return np.asarray(
        machine.clamp(np.asarray(machine.sample0(7, ebm.Stream(5)))[:, : machine.n_visible], ebm.Stream(6))
    )[:, : machine.n_visible]


def _learnt(machine, optimiser, rule):
    ebm.fit(machine, rows_of(machine), rule=rule, optimiser=optimiser, epochs=1, batch_size=4)
    return np.concatenate([np.ravel(value) for value in machine.params.values()])


def _through_file(machine):
    path = Path(tempfile.mkdtemp()) / "m.npz"
    ebm.save(path, machine)
    return np.concatenate([np.ravel(value) for value in ebm.load(path).params.values()])


OPERATIONS = {
    "sample": lambda m: ebm.sample(m, 3, sampler=ebm.Gibbs(), burn_in=2, thin=1).x,
    "sweep": lambda m: m.sweep(m.sample0(30, ebm.Stream(1)), ebm.Stream(2), 2),
    "free_energy": lambda m: m.free_energy(m.sample0(5, ebm.Stream(3))),
    "fit": lambda m: _learnt(m, ebm.SGD(0.1, momentum=0.5), ebm.PCD(n_chains=5)),
    "adam": lambda m: _learnt(m, ebm.Averaged(ebm.Adam(0.01)), ebm.CD(centred=True)),
    "log_z": lambda m: ebm.log_z(m, "ais", n_temperatures=5, n_chains=8).value,
    "file": _through_file,
}


def outcome(make, key, value, operate, in_place):
    """What comes of a machine whose parameter is replaced, or changed in place; the line of a refusal."""
    machine = make()
    try:
        if in_place:
            machine.params[key][...] = value
        else:
            machine.params[key] = value
        machine.project()
        return operate(machine)
    except ebm.EbmError as error:
        return str(error)


def cells(names, operations):
    """Every machine, parameter, layout and operation: a name, and a function that says what came of it."""
    for name in names:
        make = MACHINES[name]
        for key, array in make().params.items():
            for layout, change in (EQUAL | REFUSED).items():
                value = change(array.copy())
                for what in operations:
                    how = (make, key, value, OPERATIONS[what], layout in REFUSED)
                    yield f"{name} {key} {layout} {what}", functools.partial(tried, *how)


def tried(make, key, value, operate, wrong):
    """Equal or refused, as it has to be; AssertionError where it is not."""
    got = outcome(make, key, value, operate, in_place=False)
    if wrong:
        assert isinstance(got, str), got
        assert "\n" not in got
    else:
        right = outcome(make, key, np.asarray(value), operate, in_place=True)
        assert np.array_equal(right, got, equal_nan=True), (right, got)
    return "refused" if isinstance(got, str) else "equal"


# Rows in every layout: what a machine says of them is what it says of their plain copy.
OF_ROWS = {
    "free_energy": lambda m, x: m.visible_free_energy(x),
    "start": lambda m, x: m.start(x).x,
    "learning": lambda m, x: _learnt_from(m, x),
    "given": lambda m, x: ebm.sample(m, len(x), given=x, burn_in=1, thin=1).x,
    "score": lambda m, x: ebm.log_likelihood(m, x, 0.0),
}


def _learnt_from(machine, x):
    ebm.fit(machine, x, rule=ebm.CD(), optimiser=ebm.SGD(0.1), epochs=1, batch_size=4)
    return np.concatenate([np.ravel(value) for value in machine.params.values()])


def cells_of_rows(names):
    """Every machine, layout of rows, and operation, as `cells`."""
    for name in names:
        rows = np.ascontiguousarray(rows_of(MACHINES[name]()))
        for layout, change in (EQUAL | REFUSED).items():
            value = change(rows.copy())
            for what, operate in OF_ROWS.items():
                yield f"{name} rows {layout} {what}", functools.partial(_rows_tried, name, value, operate)


def _rows_tried(name, value, operate):
    def said(x):
        try:
            return operate(MACHINES[name](), x)
        except ebm.EbmError as error:
            return str(error)

    got = said(value)
    if isinstance(got, str):
        assert "\n" not in got
        return "refused"
    assert np.allclose(np.asarray(said(np.ascontiguousarray(np.asarray(value, np.float64)))), got, 1e-5, 1e-5)
    return "equal"


def main(names, operations):
    """Try all cells of some machines."""
    count = Counter()
    for name, cell in cells(names, operations):
        print(name, file=sys.stderr)
        count[cell()] += 1
    print(dict(count))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    quick, names = "--quick" in sys.argv, [name for name in sys.argv[1:] if name != "--quick"]
    main(names or list(MACHINES), ("sweep", "fit") if quick else tuple(OPERATIONS))
