"""adabmDCA: parameters in text, both generations, and chains in FASTA.

Lines "J i j a b value" with i < j and "h i a value", sites from 0: p(x) ∝ exp(Σ h_i(x_i) + Σ_{i<j} J_ij(x_i,
x_j)), so b = h and J is J. The first generation (C++) writes a and b as numbers from 0, later ones (Python,
Julia, C++) as letters of the alphabet; state k is letter k, the gap first, as in `ebm.datasets.Alignment`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_numbers
from ebm.boltzmann import BoltzmannMachine
from ebm.datasets import Alignment, read_fasta, write_fasta
from ebm.datasets.alignment import ALPHABETS, alphabet_of
from ebm.datasets.lines import finite, integers, lines_of, unlike
from ebm.errors import EbmError, short
from ebm.files import as_path, refuse_beyond_memory, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.blocks import potts_machine, potts_parts
from ebm.interchange.formats import Format
from ebm.machine import Array

__all__ = ["read", "read_chains", "write", "write_chains"]

_MOST = 10**5  # sites
_STATES = 250
_WEIGHT = re.compile(r"\|\s*log_weight\s*=\s*(\S+)\s*$")
_LINE = re.compile(r"(J \d+ \d+ \S+ \S+|h \d+ \S+) [-+.\deE]+")


def read(path: str | Path, alphabet: str | None = None) -> BoltzmannMachine:
    """Read parameters: a machine of `Potts(q)` units.

    Parameters
    ----------
    path : str or Path
        Text, plain or ``.gz``.
    alphabet : str, optional
        "protein", "rna", "dna", or letters: state k is letter k. When left out it is the one of these whose
        letters the fields have; a file of numbers needs none.

    Raises
    ------
    EbmError
        A line that is neither; a pair or a field given twice, or missing; letters of no known alphabet.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "params.dat"
    ...     _ = path.write_text("J 0 1 - A 2\\nh 0 - 0.5\\nh 0 A 0\\nh 1 - 0\\nh 1 A 0.25\\n")
    ...     read(path, "-A").energy([[0, 1], [1, 1]])
    array([-2.75, -0.25])
    """
    letters = None if alphabet is None else alphabet_of(alphabet)
    table = _lines(str(path), as_path(path))
    n = 1 + max((site for site, _ in table.fields), default=-1)
    if not n:
        raise EbmError(f"{path}: no lines 'h i a value'; expected a field for each site and state")
    symbols = {symbol for _, symbol in table.fields}
    place = _places(str(path), symbols, letters)
    q = len(place)
    refuse_beyond_memory(16.0 * n * q, str(path), "a smaller one")
    if len(table.fields) != n * q:
        raise EbmError(
            f"{path}: {len(table.fields)} fields; expected {n * q}, for {n} sites of {q} states: cut short?"
        )
    b = np.zeros((n, q))
    for (site, symbol), value in table.fields.items():
        b[site, place[symbol]] = value
    ends, blocks = _blocks(str(path), table, place, n)
    return potts_machine(b, ends, blocks)


class _Table(NamedTuple):
    """Lines of a file."""

    fields: dict[tuple[int, str], float]
    pairs: list[tuple[int, int]]
    symbols: list[tuple[str, str]]
    values: list[float]
    numbers: list[int]


def _lines(path: str, file: Path) -> _Table:
    table = _Table({}, [], [], [], [])
    for number, cells in lines_of(path, file, "parameters of adabmDCA", ("#",)):
        where = f"{path}: line {number}"
        size = {"J": 6, "h": 4}.get(cells[0])
        sites = integers(cells[1 : 3 if size == 6 else 2])
        if size != len(cells) or sites is None:
            raise unlike(where, cells, "'J i j a b value' or 'h i a value'")
        if not all(0 <= site < _MOST for site in sites):
            raise EbmError(f"{where}: site {max(sites, key=abs)}; expected 0 to {_MOST - 1}")
        value = finite(cells[-1], where, "the value")
        if size == 6:
            if sites[0] == sites[1]:
                raise EbmError(f"{where}: couples site {sites[0]} to itself; expected two different sites")
            table.pairs.append((sites[0], sites[1]))
            table.symbols.append((cells[3], cells[4]))
            table.values.append(value)
            table.numbers.append(number)
        else:
            key = sites[0], cells[2]
            if key in table.fields:
                raise EbmError(f"{where}: the field {sites[0]} {cells[2]}: given before; expected it once")
            table.fields[key] = value
    return table


def _places(path: str, symbols: set[str], letters: str | None) -> dict[str, int]:
    """The state of each symbol."""
    numbers = integers(sorted(symbols))
    if numbers is not None and letters is None:
        q = max(numbers) + 1
        if min(numbers) < 0 or q > _STATES or len(symbols) != q:
            raise EbmError(
                f"{path}: states {min(numbers)} to {q - 1}; expected all from 0 to q - 1, q <= {_STATES}"
            )
        return {str(k): k for k in range(q)}
    if letters is None:
        letters = next((known for known in ALPHABETS.values() if set(known) == symbols), None)
        if letters is None:
            names = ", ".join(ALPHABETS)
            found = short("".join(sorted(symbols))[:60])
            raise EbmError(
                f"{path}: alphabet: the letters {found} are of none of {names}; expected alphabet='...'"
            )
    other = next((symbol for symbol in sorted(symbols) if symbol not in set(letters)), None)
    if other is not None:
        raise EbmError(f"{path}: the state {other[:20]!r} is none of {letters}")
    return {letter: k for k, letter in enumerate(letters)}


def _blocks(path: str, table: _Table, place: dict[str, int], n: int) -> tuple[Array, Array]:
    """Pairs of sites i < j, and their couplings, (m, 2) and (m, q, q)."""
    q = len(place)
    try:
        states = np.array([(place[a], place[b]) for a, b in table.symbols], np.int64).reshape(-1, 2)
    except KeyError:
        k = next(k for k, pair in enumerate(table.symbols) if not set(pair) <= set(place))
        bad = next(symbol for symbol in table.symbols[k] if symbol not in place)
        raise EbmError(f"{path}: line {table.numbers[k]}: the state {bad[:20]!r} has no field") from None
    sites = np.array(table.pairs, np.int64).reshape(-1, 2)
    beyond = (sites >= n).any(1)
    if beyond.any():
        k = int(beyond.argmax())
        raise EbmError(
            f"{path}: line {table.numbers[k]}: site {sites[k].max()} has no field; expected 0 to {n - 1}"
        )
    turned = sites[:, 0] > sites[:, 1]
    sites[turned], states[turned] = sites[turned, ::-1], states[turned, ::-1]
    pairs, which = np.unique(sites[:, 0] * n + sites[:, 1], return_inverse=True)
    entries = (which * q + states[:, 0]) * q + states[:, 1]
    first = np.unique(entries, return_index=True)[1]
    if len(first) < len(entries):
        k = int(np.setdiff1d(np.arange(len(entries)), first)[0])
        raise EbmError(f"{path}: line {table.numbers[k]}: this coupling was given before; expected it once")
    refuse_beyond_memory(8.0 * len(pairs) * q * q, path, "a smaller one")
    blocks = np.zeros(len(pairs) * q * q)
    blocks[entries] = table.values
    return np.stack(np.divmod(pairs, n), axis=1), blocks.reshape(-1, q, q)


def write(path: str | Path, machine: HasGraph, *, alphabet: str | None = None) -> None:
    """Write the parameters of a machine of `Potts` units; couplings that are 0 are left out.

    Parameters
    ----------
    path : str or Path
    machine : Machine
        With a coupling graph; hidden units are the last sites.
    alphabet : str, optional
        "protein", "rna", "dna", or letters, one a state: states are written as letters, as adabmDCA does now.
        As numbers, as its first generation did, when left out.

    Raises
    ------
    EbmError
        Other units; an alphabet of another number of letters.
    """
    b, ends, blocks = potts_parts(machine, "a file of adabmDCA")
    q = b.shape[1]
    names = [str(k) for k in range(q)] if alphabet is None else list(alphabet_of(alphabet))
    if len(names) != q:
        raise EbmError(f"alphabet: {len(names)} letters; expected {q}, one for each state")
    k, left, right = blocks.nonzero()
    lines = [
        f"J {i} {j} {names[a]} {names[c]} {value!r}\n"
        for (i, j), a, c, value in zip(
            ends[k].tolist(), left.tolist(), right.tolist(), blocks[k, left, right].tolist(), strict=True
        )
    ]
    lines += [
        f"h {i} {names[a]} {value!r}\n" for i, row in enumerate(b.tolist()) for a, value in enumerate(row)
    ]
    write_atomic(path, lambda file: file.writelines(line.encode() for line in lines))


def read_chains(path: str | Path, alphabet: str | None = None) -> Alignment:
    """Read chains from FASTA: rows of states, with the weights that names like ``chain_0|log_weight=-1.5``
    say.

    Parameters
    ----------
    path : str or Path
    alphabet : str, optional
        By the letters when left out: chains of few letters need it.

    Returns
    -------
    Alignment
        Weights are exp(log_weight), the largest 1; None where no name has one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_chains(f"{folder}/chains.fasta", [[0, 1], [4, 2]], "rna")
    ...     read_chains(f"{folder}/chains.fasta", "rna").sequences
    ['-A', 'UC']
    """
    family = read_fasta(path, alphabet, insertions="keep", unknown="refuse")
    said = [_WEIGHT.search(name) for name in family.names]
    if not any(said):
        return family
    missing = next((k for k, match in enumerate(said) if match is None), None)
    if missing is not None:
        raise EbmError(f"{path}: {short(family.names[missing])}: no log_weight; expected one, as of others")
    logs = np.array(
        [finite(match[1], f"{path}: chain {k}", "the log_weight") for k, match in enumerate(said) if match]
    )
    weights = np.exp(logs - logs.max())
    return Alignment(family.states, family.names, family.alphabet, weights, family.columns)


def write_chains(
    path: str | Path, x: ArrayLike, alphabet: str = "protein", *, log_weights: ArrayLike | None = None
) -> None:
    """Write states as chains of adabmDCA: FASTA with the names ``chain_0``, ``chain_1``, ….

    Parameters
    ----------
    path : str or Path
    x : (n, L) array_like
        States, places in the alphabet: such as ``ebm.sample(machine, n).x``.
    alphabet : str
        "protein", "rna", "dna", or letters.
    log_weights : (n,) array_like, optional
        Of the chains, in their names.
    """
    rows = as_numbers(x, "x")
    names = [f"chain_{k}" for k in range(len(rows))]
    if log_weights is not None:
        values = as_numbers(log_weights, "log_weights", (len(names),))
        names = [f"{name}|log_weight={value!r}" for name, value in zip(names, values.tolist(), strict=True)]
    write_fasta(path, Alignment(rows, names, alphabet))


def _recognise(path: Path, head: bytes) -> bool:
    lines = head.decode("latin1").splitlines()[: -1 if len(head) >= 4096 else None]
    return bool(lines) and all(_LINE.fullmatch(line.strip()) for line in lines[:20])


FORMAT = Format(
    name="adabmdca",
    title="parameters of adabmDCA",
    suffixes=(".dat",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = -sum h_i(x_i) - sum_{i<j} J_ij(x_i, x_j): b = h, J = J",
)
