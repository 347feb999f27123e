"""What came of each try, counted by kind; a table, and a file of the counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

__all__ = ["OUTCOMES", "Tally"]

OUTCOMES = ("refused", "right", "failed")
_KEPT = 200  # failures whose words are kept


class Tally:
    """Counts of what was refused, right, or failed."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.failures: list[str] = []

    def add(self, kind: str, outcome: str, what: str = "") -> None:
        """Count a try; `what` says how it failed, and how it can be made again."""
        assert outcome in OUTCOMES
        self.counts.setdefault(kind, Counter())[outcome] += 1
        if outcome == "failed" and len(self.failures) < _KEPT:
            self.failures.append(f"{kind}: {what}")

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(count["failed"] for count in self.counts.values())

    def rows(self) -> Iterable[tuple[str, list[int]]]:
        """Kind and numbers tried, refused, right, failed; the sum comes last."""
        total: Counter[str] = Counter()
        for kind, count in sorted(self.counts.items()):
            total += count
            yield kind, [count.total(), *(count[name] for name in OUTCOMES)]
        yield "**all**", [total.total(), *(total[name] for name in OUTCOMES)]

    def __str__(self) -> str:
        head = ["| | tried | " + " | ".join(OUTCOMES) + " |", "|---|---|---|---|---|"]
        return "\n".join(head + [f"| {kind} | {' | '.join(map(str, n))} |" for kind, n in self.rows()])

    def save(self, path: Path, **facts: object) -> None:
        """Write the counts, and what else is to be known, as JSON."""
        counts = {kind: dict(zip(("tried", *OUTCOMES), n, strict=True)) for kind, n in self.rows()}
        path.write_text(json.dumps(facts | {"counts": counts, "failures": self.failures}, indent=1) + "\n")
