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


MAKERS: dict[str, Callable[[], None]] = {
    "own": own,
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
