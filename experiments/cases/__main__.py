"""`python -m experiments.cases`: every small program that once failed, each in a process of its own.

Exit status, seconds, peak memory and what it printed, under limits; a reader judges it (README.md).
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
READ = Path(__file__).parent / "read_bombs.py"
WORDS = {  # what a program takes as its first words, where it takes any
    "case_06.py": ["20"],  # 40 × 40 takes no longer than its budget either: `case_06.py 40`
    "no_flock.py": [str(ROOT / "configs" / "tiny.toml")],
}
MODES = {
    "race_create.py": [["fresh", "200"], ["overwrite", "200"]],
    "seg_load_sparse.py": [["A"], ["B"], ["C"]],
    "seg_optimiser_memory.py": [["adam"], ["sgd"], ["avg"]],
}


def programs(folder: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Every program of the folder, once for each of its modes: a name, and commands to run in turn."""
    for path in sorted(folder.glob("*.py")) + sorted(folder.glob("*.sh")):
        text = path.read_text()
        start = [sys.executable, str(path)] if path.suffix == ".py" else ["sh", str(path)]
        if path.name == "holes_repro.py":
            modes = [
                [f"{name} "] for name in re.findall(r'^"(R\S+)', text, re.MULTILINE)
            ]  # R2 alone would be R20, too
        elif path.name == "seg_params.py":
            modes = [[name] for name in re.findall(r"what=='(\w+)'", text)]
        else:
            modes = MODES.get(path.name, [WORDS.get(path.name, [])])
        for words in modes:
            then = [[sys.executable, str(READ)]] if path.name == "zip_bomb.py" else []
            name = " ".join([path.name, *words]).replace(f"{ROOT}/", "")
            yield name, [start + words, *then]


def run(command: list[str], folder: str, seconds: float, memory: int) -> tuple[str, float, int, str]:
    """(exit, seconds, peak MB of it and its descendants, all it printed) of a command with limits."""
    apart = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PY": sys.executable,
        "EBM": f"{sys.executable} -m ebm",
        "EBM_SRC": str(ROOT / "ebm"),
    }
    if command[0] == "sh":
        apart["LC_ALL"] = "C"  # grep then takes what is printed in another encoding for text
    begin = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=apart,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)),
        )
        late = False
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - begin > seconds and not late:
                late = True
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    name = f"> {seconds:.0f} s" if late else str(process.returncode)
    return name, time.monotonic() - begin, used.ru_maxrss >> 10, text


def main() -> None:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cases", type=Path, default=ROOT.parent / "shared" / "cases", help="folder of the programs"
    )
    parser.add_argument("--only", default="", help="a regular expression that names have to match")
    parser.add_argument("--seconds", type=float, default=300, help="limit for one program")
    parser.add_argument("--memory", type=int, default=12, help="limit of address space of one program, GB")
    parser.add_argument(
        "--full", action="store_true", help="all that each program printed, not its last line alone"
    )
    args = parser.parse_args()
    if not args.cases.is_dir():
        parser.error(f"{args.cases} is no folder; --cases says where the programs are")
    print("| program | exit | s | peak MB | last line |\n|---|---|---|---|---|")
    for name, commands in programs(args.cases.resolve()):
        if not re.search(args.only, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            for command in commands:
                code, took, peak, text = run(command, folder, args.seconds, args.memory << 30)
                lines = text.strip().splitlines() or [""]
                last = lines[-1][:160].replace("|", "\\|")
                print(f"| {name} | {code} | {took:.1f} | {peak} | `{last}` |", flush=True)
                if args.full:
                    print("\n```\n" + "\n".join(lines) + "\n```\n", flush=True)


if __name__ == "__main__":
    main()
