"""Write the notebooks of lectures, made of the lessons of `ebm.classroom`, into the folder of this file.

``python docs/notebooks/make.py`` writes them; ``--run`` also runs every cell, in plain Python. In Jupyter:
``jupyter nbconvert --execute --inplace docs/notebooks/*.ipynb``.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
LECTURES = {
    "1-distribution": [
        "# The Boltzmann distribution\n\nOne function, the energy, gives every state its probability;"
        " Gibbs sampling draws from it, one unit at a time.",
        "from ebm import classroom\n\nclassroom.hamiltonian(n=4, beta=1.0)",
        "Play with it: at `beta=0.1` all states are nearly alike, at `beta=5` the lowest has it all.",
        'classroom.hamiltonian(n=4, beta=5.0).numbers["p"].max()',
        "## The softmax\n\nOne unit of several states is a softmax, and softmax regression a Boltzmann"
        " machine.",
        "classroom.softmax()",
        "## Sampling",
        "classroom.gibbs(n=4, scale=1.5)",
        "Strong couplings make a chain remember.",
        '[classroom.gibbs(scale=s).numbers["second_eigenvalue"] for s in (0.5, 1.5, 4.0)]',
        "## The partition function",
        "classroom.log_z()",
    ],
    "2-physics": [
        "# Order, disorder, landscapes\n\nThe Ising model at three temperatures, a glass that is cooled, a"
        " memory.",
        "from ebm import classroom\n\nclassroom.ising()",
        "## Observables with errors\n\nAny function of states, at any temperature, from one run; here of a"
        " 4 × 4 lattice.",
        "import numpy as np\n\nimport ebm\nfrom ebm.datasets import lattice\n\n"
        "spins = ebm.BoltzmannMachine(ebm.Ising(), lattice((4, 4)))\n"
        "found = ebm.thermodynamics(\n    spins,\n    np.linspace(1.5, 4.5, 13),\n"
        '    observables={"m": ebm.Magnetisation(), "chi": ebm.Susceptibility(), "binder": ebm.Binder()},\n'
        "    budget=20,\n)\nfound",
        "## Cooling",
        "classroom.annealing()",
        "classroom.landscape()",
        "## Memory",
        "classroom.hopfield()",
    ],
    "3-learning": [
        "# Learning\n\nThe gradient of the likelihood needs samples of the machine: what they cost in bias"
        " and variance. Then what hidden units are for.",
        "from ebm import classroom\n\nclassroom.gradient()",
        "classroom.encoder()",
        "classroom.shifter()",
        "## A machine that learns physics",
        "classroom.thermodynamics()",
        "## Back-propagation",
        "classroom.backprop()",
    ],
}


def is_text(cell: str) -> bool:
    """Whether a cell is prose: the others name what they compute with."""
    return not any(word in cell for word in ("import ", "classroom.", "found"))


def notebook(cells: list[str]) -> str:
    """The cells as the JSON of a notebook, format 4.5, without outputs."""
    made = []
    for k, cell in enumerate(cells):
        common = {"id": f"cell-{k}", "metadata": {}, "source": cell.splitlines(keepends=True)}
        if is_text(cell):
            made.append({"cell_type": "markdown", **common})
        else:
            made.append({"cell_type": "code", "execution_count": None, "outputs": [], **common})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all notebooks; with --run, run their cells, too."""
    for name, cells in LECTURES.items():
        (HERE / f"{name}.ipynb").write_text(notebook(cells), "utf-8")
        print(f"{name}.ipynb")
        known: dict[str, object] = {}
        for cell in cells if "--run" in sys.argv else ():
            if not is_text(cell):
                exec(cell, known)  # the cells are those above


if __name__ == "__main__":
    main()
