"""UAI's Markov networks: products of tables over one or two variables, as machines.

The words of the file: MARKOV; n; the n numbers of states; the number of factors; of each its number of
variables and these, from 0; of each the size of its table and the table, the last variable running fastest.
p(x) is proportional to the product, so E(x) = −Σ log t(x). Variables of two states are `Bernoulli` units, of
q states `Potts(q)`; all have the same number of states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.datasets.lines import finite
from ebm.errors import EbmError, NotSupported
from ebm.files import UNREADABLE, as_path, refuse_beyond_memory, whole, write_atomic
from ebm.graph import HasGraph, graph_of
from ebm.interchange.blocks import potts_machine, potts_parts
from ebm.interchange.formats import Format
from ebm.interchange.quadratic import Named, Quadratic, facts_of, of_machine
from ebm.machine import Array
from ebm.units import Potts

__all__ = ["read", "read_named", "write"]

_LARGEST = 700.0  # of logarithms: exp(±700) is a number
_WORD = re.compile(rb"\S+")
_MOST = 10**6  # variables, and factors


class _Factor(NamedTuple):
    scope: list[int]
    log: Array  # of the table, an axis for each variable


def read(path: str | Path) -> BoltzmannMachine:
    """Read a Markov network of pairs: a machine of `Bernoulli` or `Potts` units.

    Examples
    --------
    >>> import pathlib, tempfile, ebm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "pair.uai"
    ...     _ = path.write_text("MARKOV 2 2 2 1 2 0 1 4 1 2 3 4")
    ...     machine, names, offset = read_named(path)
    >>> np.exp(-machine.energy([[0, 0], [0, 1], [1, 0], [1, 1]]) - offset).round(12)
    array([1., 2., 3., 4.])
    """
    return read_named(path).machine


def read_named(path: str | Path) -> Named:
    """As `read`, with the constant of the energy: Z of the product is exp(−offset) times that of the
    machine."""
    states, factors = _parsed(str(path), as_path(path))
    n, q = len(states), states[0]
    odd = next((k for k, s in enumerate(states) if s != q), None)
    if odd is not None:
        raise EbmError(
            f"{path}: variable {odd} has {states[odd]} states, 0 has {q}; expected as many for all"
        )
    if q == 2:
        return _of_bits(str(path), n, factors)
    refuse_beyond_memory(8.0 * (n * q) + 32.0 * sum(f.log.size for f in factors), str(path), "a smaller one")
    b = np.zeros((n, q))
    offset = 0.0
    pairs: dict[tuple[int, int], Array] = {}
    for scope, log in factors:
        if len(scope) == 2:
            i, j = sorted(scope)
            pairs[i, j] = pairs.get((i, j), 0.0) + (log if scope[0] == i else log.T)
        elif scope:
            b[scope[0]] += log
        else:
            offset -= float(log)
    ends = np.array(list(pairs), np.int64).reshape(-1, 2)
    blocks = np.array(list(pairs.values())).reshape(-1, q, q)
    return Named(potts_machine(b, ends, blocks), tuple(range(n)), offset)


def _of_bits(path: str, n: int, factors: list[_Factor]) -> Named:
    """log t(x, y) = t00 + (t10 − t00) x + (t01 − t00) y + (t11 − t10 − t01 + t00) x y."""
    b, offset = np.zeros(n), 0.0
    ends, J = [], []
    for scope, log in factors:
        offset -= float(log.flat[0])
        if len(scope) == 2:
            b[scope[0]] += log[1, 0] - log[0, 0]
            b[scope[1]] += log[0, 1] - log[0, 0]
            ends.append(scope)
            J.append(log[1, 1] - log[1, 0] - log[0, 1] + log[0, 0])
        elif scope:
            b[scope[0]] += log[1] - log[0]
    i, j = np.array(ends, np.int64).reshape(-1, 2).T
    return Quadratic.of_terms(False, -b, (i, j), -np.array(J), offset, None, path).named()


class _Words:
    """Words of a file, one after the other, with the place where each stands."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data = path, data
        self.words: Iterator[re.Match[bytes]] = _WORD.finditer(data)
        self.at = 0

    def next(self, what: str) -> str:
        match = next(self.words, None)
        if match is None:
            raise EbmError(f"{self.path}: ends before {what}; expected more, as it is announced")
        self.at = match.start()
        return match[0].decode("ascii", "replace")

    @property
    def where(self) -> str:
        return f"{self.path}: line {self.data.count(bytes([10]), 0, self.at) + 1}"

    def count(self, what: str, low: int, high: int) -> int:
        word = self.next(what)
        if not (word.isascii() and word.isdigit() and len(word) < 19 and low <= int(word) <= high):
            raise EbmError(f"{self.where}: {what}: {word[:40]!r}; expected an integer from {low} to {high}")
        return int(word)

    @property
    def left(self) -> int:
        """Words that can still come, at most."""
        return (len(self.data) - self.at) // 2 + 1


def _parsed(path: str, file: Path) -> tuple[list[int], list[_Factor]]:
    try:
        words = _Words(path, whole(file))
    except UNREADABLE as error:
        if isinstance(error, EbmError):
            raise
        what = "a directory" if file.is_dir() else "no such file" if not file.exists() else str(error)
        raise EbmError(f"{path}: {what}; expected a file of UAI") from None
    kind = words.next("the first word")
    if kind != "MARKOV":
        raise EbmError(f"{words.where}: begins {kind[:20]!r}; expected MARKOV")
    n = words.count("the number of variables", 1, min(_MOST, words.left))
    states = [words.count(f"states of variable {k}", 2, 250) for k in range(n)]
    scopes = []
    for k in range(words.count("the number of factors", 0, min(_MOST, words.left))):
        size = words.count(f"variables of factor {k}", 0, n)
        if size > 2:
            raise NotSupported(f"{words.where}: factor {k} has {size} variables; expected pairs at most")
        scope = [words.count(f"a variable of factor {k}", 0, n - 1) for _ in range(size)]
        if len(set(scope)) < size:
            raise EbmError(f"{words.where}: factor {k}: variable {scope[0]} twice; expected two of them")
        scopes.append(scope)
    factors = [_table(words, k, scope, [states[v] for v in scope]) for k, scope in enumerate(scopes)]
    extra = next(words.words, None)
    if extra is not None:
        raise EbmError(f"{path}: more words after the last table; expected {len(scopes)} tables")
    return states, factors


def _table(words: _Words, k: int, scope: list[int], shape: list[int]) -> _Factor:
    size = int(np.prod(shape, dtype=np.int64))
    words.count(f"the size of table {k}", size, size)
    table = np.empty(size)
    for entry in range(size):
        table[entry] = finite(words.next(f"an entry of table {k}"), words.where, f"an entry of table {k}")
        if table[entry] <= 0:
            at = np.unravel_index(entry, shape)
            what = ", ".join(f"variable {v} in state {a}" for v, a in zip(scope, at, strict=True))
            raise NotSupported(
                f"{words.where}: table {k}: {table[entry]:g} for {what}: probability 0 is an infinite"
                " energy, which a machine has not; expected numbers > 0"
            )
    return _Factor(scope, np.log(table).reshape(shape))


def write(path: str | Path, machine: HasGraph | Named, *, offset: float = 0.0) -> None:
    """Write a machine of bits, of spins as bits, or of `Potts` units as a Markov network.

    Parameters
    ----------
    path : str or Path
    machine : Machine
        With a coupling graph; hidden units are the last variables.
    offset : float
        Added to the energy.

    Raises
    ------
    EbmError
        Energies so large that their exponentials are no numbers.
    """
    of = machine.machine if isinstance(machine, Named) else machine
    if all(isinstance(units, Potts) for units, _ in graph_of(of, "a UAI file").blocks):
        b, ends, blocks = potts_parts(of, "a UAI file")
        constant = offset + (machine.offset if isinstance(machine, Named) else 0.0)
        logs = [*(b - constant / len(b)), *blocks]
    else:
        form = of_machine(machine, "a UAI file", spin=False, offset=offset)
        each = -form.offset / form.n
        logs = [np.array([each, each + field]) for field in form.b.tolist()]
        logs += [np.array([[0.0, 0.0], [0.0, J]]) for J in form.J.tolist()]
        ends = np.stack([form.i, form.j], axis=1)
    n = len(logs) - len(ends)
    largest = max(float(np.abs(log).max()) for log in logs)
    if largest > _LARGEST:
        raise EbmError(
            f"{path}: exp({largest:.4g}) is no number of a table; expected energies up to {_LARGEST:g}"
        )
    scopes = [f"1 {k}" for k in range(n)] + [f"2 {i} {j}" for i, j in ends.tolist()]
    tables = [f"\n{log.size}\n " + " ".join(map(repr, np.exp(log).ravel().tolist())) for log in logs]
    states = " ".join([str(len(logs[0]))] * n)
    lines = ["MARKOV", str(n), states, str(len(logs)), *scopes, *tables]
    write_atomic(path, lambda file: file.writelines(f"{line}\n".encode() for line in lines))


def _recognise(path: Path, head: bytes) -> bool:
    return head.split(None, 1)[:1] == [b"MARKOV"]


FORMAT = Format(
    name="uai",
    title="Markov network of UAI",
    suffixes=(".uai",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = -sum log t(x)",
    facts=lambda path: facts_of(read_named(path)),
    named=read_named,
)
