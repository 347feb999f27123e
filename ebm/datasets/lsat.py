"""A questionnaire that needs no file: five questions of the Law School Admission Test."""

from __future__ import annotations

import numpy as np

from ebm.datasets.tables import Data, Fold, Fraction, Seed, split_rows
from ebm.errors import settings

__all__ = ["LSAT"]

# how many of 1000 gave each of the 32 answers, read as binary numbers with the first question first
_COUNTS = [3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15, 10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173]
_COUNTS += [11, 61, 28, 298]


@settings
class LSAT:
    """1000 people's answers to five questions of the Law School Admission Test, section 6: right is 1.

    Source: Bock & Lieberman, "Fitting a response model for n dichotomously scored items" (1970), table 1;
    the questionnaire on which models of item response are shown.

    Parameters
    ----------
    test : float
        Fraction of test rows, in (0, 1).
    seed : int
        Of the split.
    fold : str, optional
        "i:k": test rows are the i-th of k parts, from 0, instead of a fraction: cross-validation.

    Examples
    --------
    >>> data = LSAT().load()
    >>> data.train.shape, data.test.shape, data.kind
    ((800, 5), (200, 5), 'bernoulli')
    """

    test: Fraction = 0.2
    seed: Seed = 0
    fold: Fold = None

    def load(self) -> Data:
        """Return the split rows, float32 bits."""
        answers = np.arange(32)[:, None] >> np.arange(4, -1, -1) & 1
        x = np.repeat(answers, _COUNTS, axis=0).astype(np.float32)
        train, test = split_rows(len(x), self.test, self.seed, where="LSAT", fold=self.fold)
        return Data(x[train], x[test], name="LSAT 6")
