"""How fast is ebm beside its peers? Runs ours and theirs by turns, prints a table of medians, draws it.

    python -m experiments.speed [--rounds 5] [--only dense,rbm] [--out experiments/speed]

Installs nothing: peers that can be imported are measured (`pip install -e '.[bench]'` brings them), others
are left out. First both are checked to sample the right distribution.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import ebm
from experiments.speed import check, floors, network, ours, peers, scaling
from experiments.speed.problems import (
    digits,
    lattice,
    published_rbm,
    regular,
    sequences,
    sherrington_kirkpatrick,
)
from experiments.speed.timing import Contender, compare, ratio


@dataclass
class Row:
    """A line of the table: some work, ours and theirs, and the ratio wanted of each of theirs.

    Attributes
    ----------
    name, unit : str
        The work; the unit of its rates, and by what they are divided.
    make : callable
        Makes our contenders and theirs.
    wanted : dict of str to float
        By the first word of a contender's name.
    """

    name: str
    unit: tuple[str, float]
    make: Callable[[], tuple[list[Contender], list[Contender]]]
    wanted: dict[str, float]


MEGA, KILO = ("M/s", 1e6), ("k/s", 1e3)
THREADS = "threads"  # the group of `scaling`


def _dense(n: int, beta: float, chains: int) -> Row:
    many = chains > 1
    updates = 2e7 if many else 4e6 / (1 + n / 500)

    def make() -> tuple[list[Contender], list[Contender]]:
        J = sherrington_kirkpatrick(n)
        x = ours.warm(J, beta, chains, 200)
        mine = max(3, int(updates / (n * chains)))
        theirs = max(1, int(updates / (n * chains) / (8 if many else 2))) * (5 if n == 2000 else 1)
        return ours.sweeps(J, beta, x, mine), peers.dwave(J, beta, x, theirs)

    wanted = {100: (15, 8, 3), 500: (20, 8, 6), 2000: (20, 8, 5)}[n][(beta > 1) if many else 2]
    return Row(f"dense SK N={n}, β={beta:g}, {_chains(chains)}", MEGA, make, {"dwave-samplers": wanted})


def _chains(n: int) -> str:
    return f"{n} chain{'s'[: n > 1]}"


def _sparse(name: str, J: Callable, chains: int, wanted: dict[str, float]) -> Row:
    def make() -> tuple[list[Contender], list[Contender]]:
        graph = J()
        x = ours.warm(graph, 1.0, chains, 100)
        sweeps = max(2, int((1e8 if chains > 1 else 2e7) / x.size))
        theirs = peers.dwave(graph, 1.0, x, max(2, sweeps // 15))
        if "thrml" in wanted:
            colours = ebm.BoltzmannMachine(ebm.Ising(), graph).colours()
            theirs += peers.thrml(graph, colours, chains, max(3, sweeps // 10), 2)
        return ours.sweeps(graph, 1.0, x, sweeps), theirs

    return Row(f"{name}, {_chains(chains)}", MEGA, make, wanted)


def _gemm(n: int, chains: int, wanted: float) -> Row:
    def make() -> tuple[list[Contender], list[Contender]]:
        J, k = sherrington_kirkpatrick(n), max(1, int(2e10 / (n * n * chains)))
        return ours.sweeps(J, 1.0, ours.warm(J, 1.0, chains, 2), k), floors.sgemm(n, chains, k)

    return Row(f"dense N={n}, β=1, {_chains(chains)}", MEGA, make, {"sgemm": wanted})


def _rbm(kind: str, batch: int) -> Row:
    def make() -> tuple[list[Contender], list[Contender]]:
        X, _ = digits(20_000)
        n = max(8, 24_000 // batch)  # about half a second
        rule = ebm.CD() if kind == "CD" else ebm.PCD(n_chains=batch)
        theirs = peers.rbms(X, 500, batch, n // 4, kind) + floors.rbm_products(784, 500, batch, n)
        if kind == "PCD":
            theirs += peers.scikit_learn(X, 500, batch, n // 4)
        else:
            theirs += peers.learnergy(X, 500, batch, max(4, n // 6))
        return ours.updates(ebm.RBM.from_data(X, 500), X, rule, batch, n), theirs

    wanted = {"scikit-learn": 3, "rbms": 4, "learnergy": 5, "five": 1.0 if batch == 100 else 1.3}
    return Row(f"RBM 784×500, {kind}-1, batch {batch}", KILO, make, wanted)


def _potts() -> Row:
    def make() -> tuple[list[Contender], list[Contender]]:
        X = sequences(10_000)
        machine = ebm.RBM.from_data(X, 100, visible=ebm.Potts(21))
        mine = ours.updates(machine, X, ebm.PCD(n_chains=100), 100, 60)
        return mine, peers.rbms(X, 100, 100, 30, "PCD", potts=True)

    return Row("Potts RBM 31×21, 100 hidden, PCD-1, batch 100", KILO, make, {"rbms": 4})


def _ais() -> Row:
    def make() -> tuple[list[Contender], list[Contender]]:
        W, b, c = published_rbm()
        machine = ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), W, b, c)
        theirs = peers.rbms_ais(W, b, c, 1000, 100) + floors.numpy_ais(W, b, c, 1000, 100)
        return ours.ais(machine, 1000, 100), theirs

    return Row(
        "AIS 784×500, 1000 temperatures × 100 chains", ("runs/s", 1.0), make, {"rbms": 5, "careful": 3}
    )


def _network(name: str, dense: bool) -> Row:
    pixels = "no pixel zero" if dense else "pixels in [0, 1]"
    made = lambda: network.contenders(name, "none zero" if dense else "in [0, 1]", 10_000)  # noqa: E731
    wanted = {"scikit-learn": 1.0 if dense else 1.5}
    return Row(f"784-500-10, fine-tuning, {name}, {pixels}", KILO, made, wanted)


def rows() -> dict[str, list[Row]]:
    """All lines, by group."""
    square = ("2-D Ising 256², β_c", lambda: lattice(256, 0.5 * float(np.log(1 + np.sqrt(2)))))
    graph = ("random 3-regular, 5000", lambda: regular(5000))
    return {
        "dense": [_dense(n, b, c) for b, c in ((1, 256), (3, 256), (1, 1)) for n in (100, 500, 2000)],
        "sparse": [
            _sparse(*square, 1, {"dwave-samplers": 5}),
            _sparse(*square, 128, {"dwave-samplers": 20}),
            _sparse(*graph, 1, {"dwave-samplers": 2}),
            _sparse(*graph, 128, {"dwave-samplers": 12, "thrml": 8}),
        ],
        "gemm": [_gemm(500, 1024, 0.8), _gemm(2000, 1024, 1.0), _gemm(5000, 512, 1.0)],
        "rbm": [_rbm(kind, batch) for batch in (100, 500) for kind in ("CD", "PCD")],
        "potts": [_potts()],
        "ais": [_ais()],
        "network": [_network(name, dense) for name in network.OPTIMISERS for dense in (False, True)],
    }


def measure(row: Row, rounds: int) -> list[dict]:
    """The lines that a row gives: one against each peer, at its best variant and number of threads."""
    mine, theirs = row.make()
    compare(mine + theirs, rounds)
    best = max(mine, key=lambda c: c.rate)
    lines = []
    for key, wanted in row.wanted.items():
        group = [c for c in theirs if c.name.split()[0].rstrip(",") == key]
        if not group:
            continue
        other = max(group, key=lambda c: c.rate)
        one, two = (next((c.rate for c in mine if f", {t} t" in c.name), np.nan) for t in (1, 2))
        lines.append(
            {
                "work": row.name,
                "ours_1": one / row.unit[1],
                "ours_2": two / row.unit[1],
                "against": other.name,
                "theirs": other.rate / row.unit[1],
                "unit": row.unit[0],
                "ratio": ratio(best, group),
                "wanted": wanted,
            }
        )
    return lines


def lines_of(group: str, rounds: int) -> Iterator[dict]:
    """The lines of a group as they are measured."""
    if group == THREADS:
        yield from scaling.lines(rounds)
        return
    for row in rows()[group]:
        yield from measure(row, rounds)


HEAD = "| work | ebm, 1 thread | 2 threads | against | theirs | unit | ratio | wanted |\n" + "|---" * 8 + "|"


def _markdown(line: dict) -> str:
    numbers = (f"{line[k]:.3g}" for k in ("ours_1", "ours_2"))
    mark = "" if line["ratio"] >= line["wanted"] else " ✗"
    return (
        f"| {line['work']} | {' | '.join(numbers)} | {line['against']} | {line['theirs']:.3g} |"
        f" {line['unit']} | **{line['ratio']:.2f}**{mark} | {line['wanted']:g} |"
    )


def draw(lines: list[dict], path: Path) -> None:
    """The ratios as bars, what was wanted as ticks."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.32 * len(lines) + 1.2), layout="constrained")
    y = np.arange(len(lines))[::-1]
    axes.barh(y, [line["ratio"] for line in lines], color="#4878a8", height=0.7)
    for place, line in zip(y, lines, strict=True):
        axes.plot([line["wanted"]] * 2, [place - 0.42, place + 0.42], color="black", lw=1.6)
        axes.text(line["ratio"] * 1.04, place, f"{line['ratio']:.1f}", va="center", fontsize=8)
    names = [f"{line['work']}  /  {line['against'].split(',')[0]}" for line in lines]
    axes.set_yticks(y, names, fontsize=8)
    axes.set(xscale="log", xlabel="rate of ebm over the peer's (tick: wanted)")
    axes.set_xlim(0.5, max(line["ratio"] for line in lines) * 1.6)
    axes.set_ylim(-0.7, len(lines) - 0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.axvline(1, color="grey", lw=0.8)
    figure.savefig(path, dpi=130)


def machine() -> str:
    """The processor and the versions that were measured."""
    import numba

    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"model name\s*:\s*(.*)", text)
    cpu = found.group(1) if found else platform.processor()
    return f"{cpu}, {ebm.get_num_threads()} cores, numpy {np.__version__}, numba {numba.__version__}"


def main() -> None:
    groups = [*rows(), THREADS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help=f"groups, of {', '.join(groups)}")
    parser.add_argument("--out", type=Path, default=Path("runs/speed"))
    args = parser.parse_args()
    chosen = args.only.split(",") if args.only else groups
    unknown = set(chosen) - set(groups)
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}: expected some of {', '.join(groups)}")
    print(check.report())
    print(f"{datetime.date.today()}, {machine()}; digits: {digits(1)[1]}\n\n{HEAD}")
    lines = []
    for group in chosen:
        for line in lines_of(group, args.rounds):
            lines.append(line)
            print(_markdown(line), flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "table.json").write_text(json.dumps(lines, indent=1))
    (args.out / "table.md").write_text("\n".join([HEAD, *map(_markdown, lines)]) + "\n")
    if lines:
        draw(lines, args.out / "table.png")


if __name__ == "__main__":
    main()
