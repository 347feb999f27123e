"""Is this checkout slower than another one? The work of `experiments.speed`, both by turns, ratios of rates.

    git worktree add ../before COMMIT
    python -m experiments.speed.against ../before [--rounds 5] [--only rbm,dense]

Each checkout runs in a process of its own, which makes our contenders of its own `experiments.speed` and
waits while the other one measures. A rate is that of the best of ten short slices, which other work on the
machine disturbs least. Ratios are of this rate over the other one: the median over rounds, and that of the
best of each. A line whose two ratios are both below 0.97 is marked.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.speed.timing import Contender

HERE = Path(__file__).resolve().parents[2]


class Checkout:
    """A process that measures with the package of a checkout."""

    def __init__(self, root: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(root)}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve"], cwd=root, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, *what: object) -> object:
        """Send a line, wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the process of {self.process.args} ended")
        return json.loads(answer)


_SLICES = 10  # of a measurement: in one of them nothing else ran, more likely than in all


def _rate(contender: Contender) -> float:
    """Work per second in the best of several short measurements."""
    n = contender.base + max(1, (contender.n - contender.base) // _SLICES)
    with contender.threads():
        seconds = _least(contender, n)
        if contender.base:
            seconds -= _least(contender, contender.base)
    return (n - contender.base) * contender.work / max(seconds, 1e-9)


def _least(contender: Contender, n: int) -> float:
    times = []
    for _ in range(_SLICES):
        began = time.perf_counter()
        contender.run(n)
        times.append(time.perf_counter() - began)
    return min(times)


def serve() -> None:
    """Answer the other process: make the contenders of a row, or measure them once."""
    from experiments.speed.__main__ import peers, rows

    for module in vars(peers).values():  # no peer: only our own contenders are wanted
        if callable(module) and getattr(module, "__module__", "") == peers.__name__:
            setattr(peers, module.__name__, lambda *_, **__: [])
    table, mine = rows(), []
    for line in sys.stdin:
        what, *rest = json.loads(line)
        answer: object
        if what == "rows":
            answer = {group: [row.name for row in group_rows] for group, group_rows in table.items()}
        elif what == "make":
            group, number = rest
            mine, _ = table[group][number].make()
            for contender in mine:
                with contender.threads():
                    contender.run(contender.base or max(1, contender.n // 4))
            answer = [contender.name for contender in mine]
        else:
            answer = [_rate(contender) for contender in mine]
        print(json.dumps(answer), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="groups, such as rbm,dense")
    args = parser.parse_args()
    new, old = Checkout(HERE), Checkout(args.other.resolve())
    table, known = new.ask("rows"), old.ask("rows")
    assert isinstance(table, dict)
    assert isinstance(known, dict)
    print("| work | threads | this / other, median | best / best | least | most |\n|---|---|---|---|---|---|")
    for group in args.only.split(",") if args.only else table:
        for number, name in enumerate(table[group]):
            if name not in known.get(group, []):
                continue
            names = new.ask("make", group, number)
            old.ask("make", group, known[group].index(name))
            assert isinstance(names, list)
            both: list[tuple[list[float], list[float]]] = []
            for k in range(args.rounds):
                first, second = (new, old) if k % 2 else (old, new)
                rates = {first: first.ask("measure"), second: second.ask("measure")}
                both.append((rates[new], rates[old]))  # type: ignore[arg-type]
            for n, contender in enumerate(names):
                mine, others = ([pair[side][n] for pair in both] for side in (0, 1))
                each = sorted(a / b for a, b in zip(mine, others, strict=True))
                middle, best = each[len(each) // 2], max(mine) / max(others)
                threads = contender.split(", ")[-1].split()[0]
                mark = " ✗" if max(middle, best) < 0.97 else ""
                ratios = f"{middle:.3f}{mark} | {best:.3f} | {each[0]:.3f} | {each[-1]:.3f}"
                print(f"| {name} | {threads} | {ratios} |", flush=True)


if __name__ == "__main__":
    serve() if "--serve" in sys.argv else main()
