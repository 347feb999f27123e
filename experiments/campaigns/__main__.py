"""Run a campaign: ``python -m experiments.campaigns NAME [--n N] [--seed S] [--out FILE]``."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

from experiments.campaigns import CAMPAIGNS
from experiments.campaigns.tally import Tally


class _Over(BaseException):
    """The minutes are over."""


def _over(*_: object) -> None:
    raise _Over


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CAMPAIGNS)
    parser.add_argument("--n", type=int, help="how many tries, for less than all")
    parser.add_argument("--minutes", type=float, help="when to stop, however many were tried")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="of fuzz: this input alone, in this process")
    parser.add_argument("--out", type=Path, help="a JSON file for the counts")
    args = parser.parse_args()
    tally, began = Tally(), time.perf_counter()
    if args.only is not None:
        from experiments.campaigns.fuzz import attempt

        print(*attempt(args.seed, args.only), sep="\n")
        return
    if args.minutes is not None:
        signal.signal(signal.SIGALRM, _over)
        signal.setitimer(signal.ITIMER_REAL, 60 * args.minutes)
    with contextlib.suppress(_Over):
        CAMPAIGNS[args.name](tally, args.n, args.seed)
    signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = round(time.perf_counter() - began)
    print(tally, f"{seconds} s", *tally.failures, sep="\n")
    if args.out is not None:
        command = " ".join(["python -m experiments.campaigns", *sys.argv[1:]])
        tally.save(args.out, command=command, seconds=seconds)
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
