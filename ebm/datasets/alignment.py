"""Aligned sequences as rows of states, and what is done to them before anything is learnt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ebm.arguments import as_number, as_numbers, as_place
from ebm.errors import EbmError, described, expect, nearest, short

__all__ = ["ALPHABETS", "GAP", "Alignment", "alphabet_of", "encoded"]

GAP = "-"
ALPHABETS = {"protein": "-ACDEFGHIKLMNPQRSTVWY", "rna": "-ACGU", "dna": "-ACGT"}
_ALIKE = {"rna": ("T", "U"), "dna": ("U", "T")}  # one letter for the other
_MOST = 250  # letters of an alphabet: states are bytes, and some mean that a character is none


def alphabet_of(value: str) -> str:
    """The letters of an alphabet, by its name or as they are: state k is letter k.

    Raises
    ------
    EbmError
        Fewer than two letters, letters that come twice, letters that a FASTA file cannot have.
    """
    expect(value, str, "alphabet", f"one of {', '.join(ALPHABETS)}, or letters such as '-ACGT'")
    if value in ALPHABETS:
        return ALPHABETS[value]
    if value.islower() and len(value) > 2:
        raise EbmError(
            f"alphabet: unknown {value!r}; {nearest(value, ALPHABETS)}, or letters such as '-ACGT'"
        )
    bad = [c for c in value if not ("!" <= c <= "~") or c in ">;"]
    if bad or not 2 <= len(value) <= _MOST or len(set(value)) < len(value):
        what = f"not {bad[0]!r}" if bad else "each once"
        raise EbmError(f"alphabet: expected 2 to {_MOST} letters, {what}, got {short(value)}")
    return value


def alike(alphabet: str) -> dict[str, str]:
    """Letters that are read as another: T of DNA is the U of RNA."""
    return {a: b for name, (a, b) in _ALIKE.items() if alphabet == ALPHABETS[name]}


def encoded(sequence: str, alphabet: str = "protein") -> NDArray[np.uint8]:
    """States of a sequence, (L,) uint8: the places of its letters in the alphabet.

    Raises
    ------
    EbmError
        A letter that the alphabet lacks.

    Examples
    --------
    >>> encoded("GA-C", "dna")
    array([3, 1, 0, 2], dtype=uint8)
    """
    expect(sequence, str, "sequence", "letters such as 'AC-D'")
    letters = alphabet_of(alphabet)
    other = alike(letters)
    try:
        return np.array([letters.index(other.get(c, c)) for c in sequence], np.uint8)
    except ValueError:
        at, c = next((i, c) for i, c in enumerate(sequence) if other.get(c, c) not in letters)
        raise EbmError(f"sequence: {c!r} at {at} (from 0) is none of {letters}") from None


@dataclass(frozen=True, eq=False)
class Alignment:
    """Aligned sequences: rows of states, to be handed to `infer`, `fit` and all that takes rows.

    Parameters
    ----------
    states : (M, L) array of integers
        Of sequences and sites: places in the alphabet. uint8 as an attribute.
    names : sequence of str, optional
        Of the sequences; numbers when left out.
    alphabet : str
        "protein" (``-ACDEFGHIKLMNPQRSTVWY``), "rna" (``-ACGU``), "dna" (``-ACGT``) or your own letters, the
        gap ``-`` among them if there is one.
    weights : (M,) array, optional
        Such as those of `ebm.inverse.sequence_weights`.
    columns : (L,) array of integers, optional
        Where in the file, or whatever this was cut from, each site stands, from 0.

    Raises
    ------
    EbmError
        States that are no places in the alphabet; names, weights or columns of other lengths.

    Examples
    --------
    >>> family = Alignment([[1, 0, 2], [1, 3, 2]], ["one", "two"], "dna")
    >>> family
    Alignment(2 sequences, 3 sites of -ACGT)
    >>> family.sequences
    ['A-C', 'AGC']
    >>> family.of_reference("one").sequences
    ['AC', 'AC']
    """

    states: NDArray[np.uint8]
    names: Sequence[str] = ()
    alphabet: str = "protein"
    weights: NDArray[np.float64] | None = None
    columns: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        states, letters = as_numbers(self.states, "states"), alphabet_of(self.alphabet)
        if states.ndim != 2 or 0 in states.shape:
            raise EbmError(f"states: expected rows of sites, got shape {states.shape}")
        bad = ~((states >= 0) & (states < len(letters)) & (states == np.floor(states)))
        if bad.any():
            i, j = np.argwhere(bad)[0]
            expected = f"expected 0 to {len(letters) - 1}, places in {letters}"
            raise EbmError(f"states: row {i}, column {j}: {states[i, j]}; {expected}")
        m, n = states.shape
        names = _names(self.names, m)
        weights = self.weights
        if weights is not None:
            weights = as_numbers(weights, "weights", (m,)).astype(np.float64)
            if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.sum() > 0):
                raise EbmError(f"weights: expected {m} finite numbers >= 0, not all zero")
        columns = np.arange(n) if self.columns is None else as_numbers(self.columns, "columns", (n,))
        fields = {
            "states": np.ascontiguousarray(states, np.uint8),
            "names": names,
            "alphabet": letters,
            "weights": weights,
            "columns": columns.astype(np.int64),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.states, dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.states)

    def __repr__(self) -> str:
        m, n = self.states.shape
        worth = "" if self.weights is None else f", worth {self.weights.sum():.4g}"
        return f"Alignment({m} sequences, {n} sites of {self.alphabet}{worth})"

    @property
    def q(self) -> int:
        """Letters of the alphabet: units are ``Potts(q)``."""
        return len(self.alphabet)

    @property
    def gap(self) -> int | None:
        """The state that is the gap."""
        return self.alphabet.index(GAP) if GAP in self.alphabet else None

    @property
    def sequences(self) -> list[str]:
        """Rows as text."""
        letters = np.frombuffer(self.alphabet.encode(), np.uint8)[self.states]
        return [row.tobytes().decode() for row in letters]

    def row(self, reference: str | int) -> int:
        """The number of a sequence, by its name, by the first word of it, or by its number.

        Raises
        ------
        EbmError
            No sequence of that name, or several.
        """
        if not isinstance(reference, str):
            return as_place(reference, len(self), "reference")
        for key in (lambda name: name, lambda name: name.split(maxsplit=1)[0] if name.strip() else ""):
            found = [i for i, name in enumerate(self.names) if key(name) == reference]
            if len(found) == 1:
                return found[0]
            if found:
                more = f"sequences {found[0]} and {found[1]} have it; expected one, or its number"
                raise EbmError(f"reference: {short(reference)}: {more}")
        raise EbmError(f"reference: no sequence {short(reference)}; {_near(reference, self.names)}")

    def rows(self, chosen: ArrayLike) -> Alignment:
        """Some of the sequences, by numbers or a mask."""
        at = _chosen(chosen, len(self), "rows")
        weights = None if self.weights is None else self.weights[at]
        names = [self.names[i] for i in at]
        return dataclasses.replace(self, states=self.states[at], names=names, weights=weights)

    def sites(self, chosen: ArrayLike) -> Alignment:
        """Some of the sites, by numbers or a mask."""
        assert self.columns is not None
        at = _chosen(chosen, self.states.shape[1], "sites")
        return dataclasses.replace(self, states=self.states[:, at], columns=self.columns[at])

    def of_reference(self, reference: str | int) -> Alignment:
        """The sites where a sequence, by name or number, has a letter and no gap."""
        return self.sites(self.states[self.row(reference)] != self._gap())

    def without_gaps(self, *, sequences: float | None = None, sites: float | None = None) -> Alignment:
        """Sequences, then sites, of which at most a fraction is gaps; of sites by the weights, if any.

        Parameters
        ----------
        sequences, sites : float, optional
            The largest fraction that stays, such as 0.5; those for which it is left out all stay.
        """
        found = self
        if sequences is not None:
            share = (self.states == self._gap()).mean(1)
            found = found.rows(_few(share, sequences, "sequences"))
        if sites is not None:
            share = np.average(found.states == self._gap(), axis=0, weights=found.weights)
            found = found.sites(_few(share, sites, "sites"))
        return found

    def distinct(self) -> Alignment:
        """Each sequence once, where it comes first; weights of those that are alike are added."""
        _, first, which = np.unique(self.states, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        kept = self.rows(first[order])
        if self.weights is None:
            return kept
        total = np.bincount(which.ravel(), self.weights)[order].astype(np.float64)
        return dataclasses.replace(kept, weights=total)

    def frequencies(self) -> NDArray[np.float64]:
        """How often each letter stands at each site, (L, q), by weight if there are weights."""
        w = np.ones(len(self)) if self.weights is None else self.weights
        counts = np.array([np.bincount(site, w, self.q) for site in self.states.T])
        return counts / w.sum()

    def entropy(self) -> NDArray[np.float64]:
        """Of the letters at each site, (L,), nats: 0 where there is one letter, log q where all are alike."""
        f = self.frequencies()
        return -(f * np.log(np.where(f > 0, f, 1))).sum(1)

    def _gap(self) -> int:
        if self.gap is None:
            raise EbmError(f"alphabet: {self.alphabet} has no gap {GAP!r}")
        return self.gap


def _few(share: NDArray[Any], most: float, what: str) -> NDArray[np.bool_]:
    most = as_number(most, what, 0, 1)
    if share.min() > most:
        raise EbmError(f"{what}: all have more gaps than {most:g}; the least is {share.min():.3g}")
    found: NDArray[np.bool_] = share <= most
    return found


def _names(names: Any, m: int) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, (Sequence, np.ndarray)):
        raise EbmError(f"names: got {described(names)}; expected a sequence of {m} names")
    if len(names) == 0:
        return tuple(map(str, range(m)))
    found = tuple(str(name) for name in names if isinstance(name, str))
    if len(found) != m or len(names) != m:
        raise EbmError(f"names: expected {m} texts, got {len(found)} among {len(names)}")
    bad = next((name for name in found if "\n" in name or "\r" in name), None)
    if bad is not None:
        raise EbmError(f"names: {short(bad)}: expected names of one line")
    return found


def _near(name: str, names: Sequence[str]) -> str:
    words = {n.split(maxsplit=1)[0] for n in names if n.strip()}
    if len(words) <= 12:
        return nearest(name, words)
    within = [word for word in words if name and name in word]
    return nearest(name, within or sorted(words)[:8])


def _chosen(chosen: ArrayLike, n: int, what: str) -> NDArray[np.int64]:
    """Places, by numbers from 0 or by a mask."""
    found = as_numbers(chosen, what)
    if found.dtype == bool and found.shape == (n,):
        found = np.flatnonzero(found)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not len(found):
        got = f"an array of {found.dtype} {found.shape}"
        raise EbmError(f"{what}: expected some numbers from 0 to {n - 1} or a mask of {n}, got {got}")
    if found.min() < 0 or found.max() >= n:
        raise EbmError(f"{what}: expected numbers from 0 to {n - 1}, got {found.min()} to {found.max()}")
    return found.astype(np.int64)
