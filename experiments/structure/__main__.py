"""How much code there is, and how many calls and changes of file two everyday operations take.

Calls are those of Python functions, counted by `sys.setprofile` in a second run of each operation, when
kernels are loaded; "in ebm" are those of functions that stand in a file of the package.
"""

import ast
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

import ebm

ROOT = Path(ebm.__file__).parent


def lines():
    """Lines of the package: all, and of code (no blank lines, comments or docstrings)."""
    total = code = 0
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        total += text.count("\n")
        hidden = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                hidden |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        code += sum(
            bool(line.strip()) and not line.lstrip().startswith("#") and number not in hidden
            for number, line in enumerate(text.splitlines(), 1)
        )
    return total, code


def calls(operation):
    """All Python calls; those in ebm; their files; how often the file changes from a call to the next."""
    operation()
    files = []

    def note(frame, event, _):
        if event == "call":
            files.append(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        operation()
    finally:
        sys.setprofile(None)
    own = [name for name in files if name.startswith(str(ROOT))]
    changes = sum(a != b for a, b in pairwise(own))
    return len(files), len(own), len(set(own)), changes, Counter(own).most_common(8)


def pcd_step():
    """One step of PCD of an RBM 64 × 96, a batch of 100 of 1000 rows."""
    rows = (np.random.default_rng(0).random((1000, 64)) < 0.3).astype(np.float32)
    machine = ebm.RBM.from_data(rows, 96)
    rule, optimiser = ebm.PCD(n_chains=100), ebm.SGD(0.05)
    steps = ebm.train(ebm.begin(machine, rule, optimiser, 0), rows, rule, optimiser, 100, 0)
    return lambda: next(steps)


def samples():
    """Fifty samples of an RBM 64 × 96."""
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 64, 96, scale=0.1)
    return lambda: ebm.sample(machine, 50)


def main():
    """Print the table."""
    total, code = lines()
    print(f"| lines of ebm/ | {total} | of code {code} |")
    for name, operation in (("a PCD step, RBM 64 × 96", pcd_step()), ("ebm.sample(rbm, 50)", samples())):
        every, own, files, changes, most = calls(operation)
        print(f"| {name} | {every} Python calls | {own} in ebm, {files} files, {changes} changes of file |")
        if "-v" in sys.argv:
            for path, count in most:
                print(f"    {count:6} {Path(path).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
