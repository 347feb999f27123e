"""Runs beside each other: which settings differ, what each came to, and by how much.

Runs that differ only in what repeats an experiment (seeds, folds) are one group: its scores are means with
their standard errors over the repetitions. Two groups are compared pair by pair, where both have a run with
the same seeds on the same rows: what the seeds do to both cancels.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ebm.errors import EbmError, expect, expect_all, nearest
from ebm.experiment.axes import is_repetition
from ebm.experiment.differing import differing, setting_text, short_names, telling
from ebm.experiment.results import Quantity, Result, Score, plain_number, read_results
from ebm.plots import compare_curves
from ebm.plots.several import Panel, panels

__all__ = ["Comparison", "Difference", "Group", "Mean", "compare"]

# By which settings are ranked: the first of these that a run has.
_FIRST = (
    "log_likelihood_test", "bound_on_the_log_likelihood_test", "held_out_error", "last_error_heldout",
    "last_log_likelihood_heldout", "last_pseudo_likelihood_heldout", "log_likelihood_training",
    "bound_on_the_log_likelihood_training", "last_kl", "last_log_likelihood_train",
    "last_pseudo_likelihood_train", "training_error", "reconstruction_error",
)  # fmt: skip
_DRAWS = "plots"  # the table that no number depends on
_DRAWN = 14  # settings whose curves are told apart in one figure


@dataclass(frozen=True)
class Mean:
    """A mean over n repetitions and its standard error.

    Of one repetition the error is what the run itself says, None where it says none.
    """

    value: float
    stderr: float | None
    n: int
    doubt: bool = False


@dataclass(frozen=True)
class Group:
    """Runs of the same settings, but for what repeats them.

    Attributes
    ----------
    label : str
    settings : dict
        Those that the groups differ in.
    runs : tuple of Result
    scores : dict of str to Mean
        Over its finished runs.
    """

    label: str
    settings: dict[str, Any]
    runs: tuple[Result, ...]
    scores: dict[str, Mean]

    @property
    def finished(self) -> int:
        """How many of its runs are."""
        return sum(run.state == "finished" for run in self.runs)


@dataclass(frozen=True)
class Difference:
    """A group's score minus that of the one it is compared with: the mean over n pairs of runs.

    Attributes
    ----------
    label : str
    value, stderr : float or None
        None where there is no pair, and no error of one pair alone.
    n : int
    """

    label: str
    value: float | None
    stderr: float | None
    n: int


@dataclass(frozen=True)
class Comparison:
    """Several runs beside each other; printed, it is a table.

    Attributes
    ----------
    runs : tuple of Result
    settings : dict of str to str
        The settings that differ, and their short names.
    values : dict of str to list
        Their values in each run.
    by : tuple of str
        The settings that make a group.
    quantities : dict of str to Quantity
        What is scored, the ranking one first.
    groups : tuple of Group
    score : str or None
        The quantity by which groups are ranked; None where the runs have none.
    against : str or None
        The group that the others are compared with.
    differences : tuple of Difference

    Examples
    --------
    >>> import ebm.experiment
    >>> ebm.experiment.compare(["sweeps/digits"]).to_csv("digits.csv")  # doctest: +SKIP
    """

    runs: tuple[Result, ...]
    settings: dict[str, str]
    values: dict[str, list[Any]]
    by: tuple[str, ...]
    quantities: dict[str, Quantity]
    groups: tuple[Group, ...]
    score: str | None
    against: str | None
    differences: tuple[Difference, ...]

    @property
    def repeated(self) -> bool:
        """Whether any group has more than one run."""
        return any(len(group.runs) > 1 for group in self.groups)

    @property
    def failures(self) -> tuple[Result, ...]:
        """The runs that failed or cannot be read, each with its line."""
        return tuple(run for run in self.runs if run.state in ("failed", "damaged"))

    def panels(self) -> tuple[list[Panel], str]:
        """The curves of all groups, or of the best of them, and a line that says so."""
        drawn = self._with_curves()
        few = drawn[:_DRAWN]
        said = f"{len(few)} of {len(drawn)} settings, as the table has them"
        found = panels({group.label: [run.metrics for run in group.runs if run.metrics] for group in few})
        return found, said if len(few) < len(drawn) else ""

    def plot(self) -> Any:
        """Draw the curves of all groups, or of the first ones where there are many.

        Returns
        -------
        ndarray of Axes

        Raises
        ------
        EbmError
            No run has a curve.
        """
        found, said = self.panels()
        axes = compare_curves(found)
        if said:
            axes[0].figure.suptitle(said, fontsize="medium")
        return axes

    def _with_curves(self) -> list[Group]:
        return [group for group in self.groups if any(run.metrics for run in group.runs)]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a row per run: its settings, each score and its error, all digits that there are."""
        from ebm.experiment.tabling import write_csv

        write_csv(self, path)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write runs, groups and differences."""
        from ebm.experiment.tabling import write_json

        write_json(self, path)

    def __str__(self) -> str:
        from ebm.experiment.tabling import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from ebm.experiment.tabling import as_html

        return as_html(self)


def compare(
    paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    *,
    by: Sequence[str] | str = (),
    score: str | None = None,
    against: str | None = None,
    sort: str | None = None,
) -> Comparison:
    """Compare runs.

    Parameters
    ----------
    paths : iterable of path-like, or path-like
        Run directories and sweeps.
    by : sequence of str
        Settings that make a group; when left out, all that differ but seeds and folds. What else differs
        then counts as a repetition.
    score : str, optional
        The quantity to rank and to take differences of; when left out, the log-likelihood of test rows, or
        the next best that there is.
    against : str, optional
        The group, by its label or one of its runs, that the others are compared with; the best when left out.
    sort : str, optional
        A setting or a quantity to sort by: the best first, where one is better; else ascending. By the score
        when left out.

    Returns
    -------
    Comparison

    Raises
    ------
    EbmError
        A path that is no run, an unknown name; it says the nearest.
    """
    for name, value in (("score", score), ("against", against), ("sort", sort)):
        if value is not None:
            expect(value, str, name, "a name, or None")
    by = expect_all((by,) if isinstance(by, str) else by, str, "by", "settings such as ['machine.n_hidden']")
    runs = read_results(paths)
    values = _values(runs)
    names = short_names(list(values))
    quantities = _quantities(runs)
    chosen = (
        _one(score, dict.fromkeys(quantities, ""), "score") if score is not None else _ranking(quantities)
    )
    made = tuple(_one(key, names, "by") for key in by) or tuple(k for k in values if not is_repetition(k))
    groups = _groups(runs, values, names, made)
    sortable = dict.fromkeys((*quantities, "name", "state"), "")
    key = _one(sort, names | sortable, "sort") if sort is not None else chosen
    if key is not None:
        sign = -1 if key in quantities and quantities[key].sign > 0 else 1
        order = sorted(range(len(runs)), key=lambda i: _place(runs[i], i, values, key, sign))
        runs, values = [runs[i] for i in order], {k: [v[i] for i in order] for k, v in values.items()}
        groups.sort(key=lambda group: _group_place(group, key, sign))
    ahead = [chosen] if chosen is not None else []
    quantities = {k: quantities[k] for k in dict.fromkeys([*ahead, *_in_order(quantities)])}
    reference = _reference(groups, against, None if chosen is None else quantities[chosen])
    differences = _differences(groups, reference, chosen, runs, values, made)
    label = reference.label if reference is not None and differences else None
    return Comparison(
        tuple(runs), names, values, made, quantities, tuple(groups), chosen, label, tuple(differences)
    )


def _quantities(runs: Sequence[Result]) -> dict[str, Quantity]:
    """What is scored; the likelihoods of the last evaluation where the tables have none."""
    found = {key: q for run in runs for key, q in run.quantities.items()}
    if all(any("log_likelihood" in k for k in run.scores if not _is_last(k)) for run in runs if run.summary):
        found = {key: q for key, q in found.items() if not (_is_last(key) and "likelihood" in key)}
    return found


def _is_last(key: str) -> bool:
    return key.startswith("last_")


def _values(runs: Sequence[Result]) -> dict[str, list[Any]]:
    """The settings that differ among the runs that have a config."""
    known = [i for i, run in enumerate(runs) if run.tables]
    found = differing([{k: v for k, v in runs[i].tables.items() if k != _DRAWS} for i in known])
    spread = {key: dict(zip(known, of, strict=True)) for key, of in found.items()}
    return {key: [of.get(i) for i in range(len(runs))] for key, of in spread.items()}


def _one(name: str, known: dict[str, str], what: str) -> str:
    """The column that a name means: its key, its short name, or words that only one has."""
    if name in known:
        return name
    for same in (
        [key for key, short in known.items() if short == name],
        [key for key in known if key.startswith(name)],
        [key for key in known if re.search(rf"[._]{re.escape(name)}", key)],
    ):
        if len(same) == 1:
            return same[0]
        if same:
            raise EbmError(f"{what}: {name!r} may be one of: {', '.join(sorted(same))}")
    raise EbmError(f"{what}: unknown column {name!r}; {nearest(name, known)}")


def _ranking(quantities: dict[str, Quantity]) -> str | None:
    """The quantity to rank by: the last of its kind, as fine-tuning comes after the readout."""
    for name in _FIRST:
        if found := [key for key, q in quantities.items() if q.sign and key.startswith(name)]:
            return name if name in found else found[-1]
    return None


def _in_order(quantities: dict[str, Quantity]) -> list[str]:
    """Scores, then what is neither better nor worse, then the last evaluation's; the time at the end."""

    def rank(key: str) -> int:
        return 3 if key == "seconds" else 2 if _is_last(key) else 0 if quantities[key].sign else 1

    return sorted(quantities, key=rank)


def _groups(
    runs: Sequence[Result], values: dict[str, list[Any]], names: dict[str, str], by: Sequence[str]
) -> list[Group]:
    members: dict[tuple[Any, ...], list[Result]] = {}
    for i, run in enumerate(runs):
        if run.tables:
            members.setdefault(tuple(values[key][i] for key in by), []).append(run)
    found = []
    told = telling(values, by)
    for chosen, group in members.items():
        settings = dict(zip(by, chosen, strict=True))
        shown = [key for key in told if settings[key] is not None] or told  # what it lacks is not said
        label = ", ".join(f"{names[key]}={setting_text(settings[key])}" for key in shown)
        if len(group) == 1 and len(runs) > 1:
            label = min(label or group[0].name, group[0].name, key=len)
        found.append(Group(label or "all runs", settings, tuple(group), _means(group)))
    return found


def _means(runs: Sequence[Result]) -> dict[str, Mean]:
    finished = [run for run in runs if run.state == "finished"]
    keys = dict.fromkeys(key for run in finished for key in run.scores)
    return {key: _mean([run.scores[key] for run in finished if key in run.scores]) for key in keys}


def _mean(scores: Sequence[Score]) -> Mean:
    doubt = any(score.doubt for score in scores)
    if len(scores) == 1:
        return Mean(scores[0].value, scores[0].stderr, 1, doubt)
    mean, stderr = _mean_of([score.value for score in scores])
    return Mean(mean, stderr, len(scores), doubt)


def _mean_of(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and its standard error: None of one value, and of values that are not all finite."""
    if len(set(values)) == 1:  # a mean of equal numbers is that number, not one rounded
        return values[0], 0.0 if len(values) > 1 and math.isfinite(values[0]) else None
    if not all(map(math.isfinite, values)):
        return sum(values), None
    n, mean = len(values), math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)


def _place(run: Result, i: int, values: dict[str, list[Any]], key: str, sign: int) -> tuple[bool, float, str]:
    if key in run.scores:
        return _rank(run.scores[key].value, sign)
    return _rank({"name": run.name, "state": run.state}.get(key, values[key][i] if key in values else None))


def _group_place(group: Group, key: str, sign: int) -> tuple[bool, float, str]:
    if key in group.scores:
        return _rank(group.scores[key].value, sign)
    return _rank(group.settings.get(key))


def _rank(value: Any, sign: int = 1) -> tuple[bool, float, str]:
    """Where a value comes: numbers by size, then texts, what there is not at the end."""
    number = plain_number(value)
    if number is not None and not math.isnan(number):
        return False, sign * number, ""
    return value is None, math.inf, setting_text(value)


def _reference(groups: Sequence[Group], against: str | None, quantity: Quantity | None) -> Group | None:
    """The group to compare with: the one named, else the best."""
    if against is not None:
        named = {group.label: group for group in groups}
        of_runs = {run.name: group for group in groups for run in group.runs}
        if against not in of_runs | named:
            raise EbmError(f"against: unknown {against!r}; {nearest(against, named)}")
        return (of_runs | named)[against]
    if quantity is None or not quantity.sign:
        return None
    key = quantity.key
    ranked = [group for group in groups if key in group.scores and math.isfinite(group.scores[key].value)]
    return max(ranked, key=lambda group: quantity.sign * group.scores[key].value, default=None)


def _differences(
    groups: Sequence[Group],
    reference: Group | None,
    score: str | None,
    runs: Sequence[Result],
    values: dict[str, list[Any]],
    by: Sequence[str],
) -> list[Difference]:
    """Of each other group, over the runs that share their seeds, their rows and whatever makes no group."""
    if reference is None or score is None or len(groups) < 2:
        return []
    place = {id(run): i for i, run in enumerate(runs)}
    shared = [key for key in values if key not in by]

    def scores_of(group: Group) -> dict[Any, list[float]]:
        found: dict[Any, list[float]] = {}
        for run in group.runs:
            if run.state == "finished" and score in run.scores:
                key = (setting_text(run.data), *(setting_text(values[k][place[id(run)]]) for k in shared))
                found.setdefault(key, []).append(run.scores[score].value)
        return found

    one, found = scores_of(reference), []
    for group in groups:
        if group is reference:
            continue
        other = scores_of(group)
        pairs = [_mean_of(other[key])[0] - _mean_of(one[key])[0] for key in other if key in one]
        value, stderr = _mean_of(pairs) if pairs else (None, None)
        found.append(Difference(group.label, value, stderr, len(pairs)))
    return found
