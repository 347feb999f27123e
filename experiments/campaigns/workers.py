"""Numbered inputs, tried in a process that may die: who crashes, hangs or grows names its input."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from experiments.campaigns.tally import Tally

__all__ = ["Attempt", "supervise"]

Attempt = Callable[[int, int], tuple[str, str, str]]  # seed and number of an input: kind, outcome, words
_LIMIT = 30  # seconds of processor time that an input may take
_PATIENCE = 400.0  # seconds by the clock
_MEMORY = 8 * 2**30


def supervise(attempt: Attempt, n: int, seed: int, tally: Tally) -> None:
    """Try inputs 0 to n − 1 in a process of their own, and in another one behind one that ends it."""
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        log, begin = Path(folder, "log"), 0
        while begin < n:
            log.write_text("")
            child = os.fork()
            if child == 0:
                _work(attempt, seed, range(begin, n), folder)
            try:
                _, status = os.waitpid(child, 0)
            except BaseException:  # interrupted, or out of time: what is done counts
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                _read(log, begin, tally)
                raise
            begin = _read(log, begin, tally)
            if begin < n:
                said = Path(folder, "stderr").read_text(errors="replace")[-500:].replace("\n", " / ")
                words = f"{begin}: its process ended with {os.waitstatus_to_exitcode(status)}: {said}"
                tally.add("processes that ended", "failed", words)
                print(words, flush=True)
                begin += 1


def _read(log: Path, begin: int, tally: Tally) -> int:
    """Count what a worker wrote; the number that it did not come to the end of."""
    at = begin
    for line in log.read_text(errors="replace").splitlines():
        number, kind, outcome, words = line.split("\t")
        tally.add(kind, outcome, f"{number}: {words}")
        if outcome == "failed":
            print(f"{kind}: {number}: {words[:400]}", flush=True)
        at = int(number) + 1
    return at


def _work(attempt: Attempt, seed: int, numbers: range, folder: str) -> None:
    """Try some inputs, each outcome written down before the next; what is said goes to a file."""
    code = 1
    try:
        os.chdir(folder)  # what a path such as "text" writes, it writes here
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        said = os.open("stderr", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor, file in ((0, nothing), (1, nothing), (2, said)):
            os.dup2(file, descriptor)
        faulthandler.enable()
        faulthandler.register(signal.SIGXCPU, chain=True)
        warnings.simplefilter("ignore")
        log = os.open("log", os.O_WRONLY)
        for number in numbers:
            used = resource.getrusage(resource.RUSAGE_SELF)
            limit = int(used.ru_utime + used.ru_stime) + _LIMIT
            resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
            faulthandler.dump_traceback_later(_PATIENCE, exit=True)
            os.ftruncate(said, 0)
            kind, outcome, words = attempt(seed, number)
            words = " ".join(words.split())
            os.write(log, f"{number}\t{kind}\t{outcome}\t{words}\n".encode("utf-8", "replace"))
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
