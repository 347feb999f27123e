"""An RNA family that needs no file: sequences that fold into one structure."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ebm.datasets.alignment import ALPHABETS, encoded
from ebm.datasets.tables import Data, Fold, Fraction, Seed, split_rows
from ebm.errors import EbmError, settings, short

__all__ = ["RNAFamily"]

CLOVERLEAF = "(((((((..((((........)))).(((((.......))))).....(((((.......))))))))))))...."  # of tRNA
_PAIRS = {"GC": 0.28, "CG": 0.28, "AU": 0.17, "UA": 0.17, "GU": 0.05, "UG": 0.05}


@settings
class RNAFamily:
    """Sequences of an RNA that folds: paired sites are complementary, all others independent.

    A Potts machine whose couplings are known to be those of the paired sites: of a pair the letters are G–C,
    A–U or G–U, but for a few mismatches; of an unpaired site each has its own frequencies. Rows are
    independent draws, states of ``Potts(5)`` in the order ``-ACGU``.

    Parameters
    ----------
    structure : str
        In dots and brackets: a pair of brackets is a pair of sites. By default the cloverleaf of tRNA.
    rows : int
        Number of draws, train and test together, 2 or more.
    mismatches : float
        Of pairs whose letters are any, 0 to 1.
    gaps : float
        Of sites, or pairs, that are gaps, 0 to 1.
    test : float
        Fraction of test rows, in (0, 1).
    seed : int
        Of the draws and of the split.
    fold : str, optional
        "i:k": test rows are the i-th of k parts, from 0, instead of a fraction: cross-validation.

    Raises
    ------
    EbmError
        By `load`, a structure whose brackets do not match.

    Examples
    --------
    >>> family = RNAFamily("((..))", rows=10)
    >>> family.load().train.shape, family.pairs()
    ((8, 6), [(0, 5), (1, 4)])
    """

    structure: str = CLOVERLEAF
    rows: Annotated[int, Field(ge=2)] = 2000
    mismatches: Annotated[float, Field(ge=0, le=1)] = 0.1
    gaps: Annotated[float, Field(ge=0, le=1)] = 0.05
    test: Fraction = 0.2
    seed: Seed = 0
    fold: Fold = None

    def pairs(self) -> list[tuple[int, int]]:
        """The sites that are paired, i < j."""
        opened: list[int] = []
        found = []
        for j, c in enumerate(self.structure):
            if c == "(":
                opened.append(j)
            elif c == ")" and opened:
                found.append((opened.pop(), j))
            elif c != ".":
                raise EbmError(
                    f"RNAFamily: structure: {short(c)} at {j} (from 0); expected dots and pairs of ()"
                )
        if opened or not self.structure:
            where = f"the bracket at {opened[-1]} (from 0) stays open" if opened else "it is empty"
            raise EbmError(f"RNAFamily: structure: {where}; expected dots and pairs of ()")
        return sorted(found)

    def load(self) -> Data:
        """Return the split draws, int64 states 0 to 4."""
        pairs, n, q = self.pairs(), len(self.structure), len(ALPHABETS["rna"])
        rng = np.random.default_rng(self.seed)
        letters = rng.dirichlet(np.full(q - 1, 2.0), n)
        x = np.stack([rng.choice(q - 1, self.rows, p=p) + 1 for p in letters], 1).astype(np.int64)
        joint = np.array([encoded(pair, "rna") for pair in _PAIRS])
        for i, j in pairs:
            drawn = joint[rng.choice(len(joint), self.rows, p=list(_PAIRS.values()))]
            fits = rng.random(self.rows) >= self.mismatches
            other = rng.integers(1, q, (self.rows, 2))
            x[:, [i, j]] = np.where(fits[:, None], drawn, other)
        lost = rng.random((self.rows, n)) < self.gaps
        for i, j in pairs:
            lost[:, j] = lost[:, i]
        x[lost] = 0
        train, test = split_rows(self.rows, self.test, self.seed, where="RNAFamily", fold=self.fold)
        return Data(x[train], x[test], kind="potts", n_states=q, name=f"RNA family of {n} sites")
