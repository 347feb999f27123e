"""Progress: what shows, when, and where; wrong kinds of arguments in one line."""

import io
import sys
import types

import numpy as np
import pytest
from rich.console import Console

import ebm.progress
from ebm import SGD, EbmError, Gibbs, Ising, Units
from ebm.errors import described, expect
from ebm.partition import annealed_log_weights, growing
from ebm.partition.annealed import reverse_log_weights
from ebm.partition.estimate import Estimate
from ebm.partition.logz import METHODS, settings_of
from ebm.partition.raised import raise_log_likelihood
from ebm.progress import showing
from ebm.samplers import Sampler


@pytest.fixture
def clock(monkeypatch):
    """Time as the test has it."""
    now = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(ebm.progress, "time", types.SimpleNamespace(monotonic=lambda: now.now))
    return now


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def test_a_function_gets_every_call():
    seen = []
    with showing(lambda *given: seen.append(given), "fit") as update:
        update(0.1, "a")
        update(0.2, "")
    assert seen == [(0.1, "a"), (0.2, "")]


def test_piped_it_is_silent_unless_asked_for(capsys):
    for progress, expected in ((None, ""), (False, ""), (True, "fit: a\n")):
        with showing(progress, "fit") as update:
            update(0.1, "a")
            update(0.2, "")
        assert capsys.readouterr() == ("", expected)


def test_on_a_terminal_it_waits(clock):
    console = terminal()
    with showing(None, "fit", console) as update:
        update(0.1, "early")
        assert console.file.getvalue() == ""
        clock.now = 4.0
        update(0.5, "late")
        update(1.0, "")
    assert "late" in console.file.getvalue()


def test_what_is_quick_shows_nothing(clock):
    console = terminal()
    with showing(None, "fit", console) as update:
        update(1.0, "done")
    assert console.file.getvalue() == ""


def test_on_a_terminal_it_shows_at_once_if_asked_for(clock):
    console = terminal()
    with showing(True, "fit", console) as update:
        update(0.5, "half [of] it")
    assert "half [of] it" in console.file.getvalue()


def test_one_call_shows_at_a_time(clock):
    outer, inner = terminal(), terminal()
    with showing(True, "fit", outer) as update:
        with showing(True, "log Z", inner) as within:
            within(0.5, "half")
        update(0.5, "half")
    assert inner.file.getvalue() == ""
    with showing(True, "log Z", inner) as within:
        within(0.5, "half")
    assert "half" in inner.file.getvalue()


def test_an_error_closes_the_bar():
    with pytest.raises(ZeroDivisionError), showing(True, "fit", terminal()) as update:
        update(1 / 0, "half")
    with showing(True, "fit", terminal()) as update:
        assert update is not ebm.progress.silent


def test_in_a_notebook_it_updates_a_display(monkeypatch, clock):
    shown = []
    handle = types.SimpleNamespace(update=shown.append)
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    display = types.SimpleNamespace(HTML=str, display=lambda *_, **__: handle)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    with showing(None, "fit") as update:
        update(0.1, "early")
        clock.now = 4.0
        update(0.5, "a < b")
        update(0.51, "too soon to be seen")
        update(1.0, "the end")
    assert [line.split("</progress> ")[1] for line in shown] == ["a &lt; b", "the end"]


def test_progress_of_a_wrong_kind():
    with pytest.raises(EbmError, match="progress: got 'yes'; expected True, False"), showing("yes", "fit"):
        pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.1, "sampler: got the number 0.1; expected a sampler such as Gibbs()"),
        ("Gibbs", "sampler: got 'Gibbs'; expected a sampler such as Gibbs()"),
        (Gibbs, "sampler: got the class Gibbs; expected an instance: Gibbs()"),
        (dict, "sampler: got the class dict; expected a sampler such as Gibbs()"),
        (None, "sampler: got None; expected a sampler such as Gibbs()"),
        (SGD(), "sampler: got an SGD; expected a sampler such as Gibbs()"),
    ],
    ids=str,
)
def test_wrong_kinds(value, message):
    with pytest.raises(EbmError) as error:
        expect(value, Sampler, "sampler", "a sampler such as Gibbs()")
    assert str(error.value) == message


def test_right_kinds_pass():
    sampler = Gibbs()
    assert expect(sampler, Sampler, "sampler", "a sampler") is sampler
    with pytest.raises(EbmError, match="expected an instance: Ising"):
        expect(Ising, Units, "visible", "units such as Bernoulli()")
    assert len(described("x" * 500)) < 60
    assert described(len) == "the function len"


ROWS = np.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 1, 0]] * 4)
TAKE_LONG = {
    "fit": lambda m, p: ebm.fit(m, ROWS, epochs=3, progress=p),
    "sample": lambda m, p: ebm.sample(m, 4, progress=p),
    "health": lambda m, p: ebm.health(m, np.tile(ROWS, (4, 1)), n_chains=20, sweeps=4, progress=p),
    "thermodynamics": lambda m, p: ebm.thermodynamics(m, [0.5, 1.0], accuracy=0.5, progress=p),
    "readout": lambda m, p: ebm.readout(m, ROWS, ROWS[:, 0], epochs=3, progress=p),
    "fine_tune": lambda m, p: ebm.fine_tune(
        ebm.readout(m, ROWS, ROWS[:, 0], epochs=1), ROWS, ROWS[:, 0], epochs=2, progress=p
    ),
    "DBN.greedy": lambda m, p: ebm.DBN.greedy(ROWS, [3, 2], epochs=2, progress=p),
    "raise_log_likelihood": lambda m, p: raise_log_likelihood(m, ROWS, 20, progress=p),
    "annealed_log_weights": lambda m, p: annealed_log_weights(m, 100, progress=p),
    "reverse_log_weights": lambda m, p: reverse_log_weights(m, ROWS, 100, progress=p),
} | {
    f"log_z {method}": lambda m, p, method=method: ebm.log_z(
        m, method, data=ROWS, progress=p,
        **({"rounds": 1} if "rounds" in settings_of(method) else {}),
    )
    for method in METHODS
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", TAKE_LONG)
def test_whatever_takes_long_tells_the_fraction_done_and_a_line(call):
    seen = []

    def progress(done, line):
        seen.append((done, line))

    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, scale=0.5, dtype="float64")
    TAKE_LONG[call](machine.copy(), progress)
    fractions = [done for done, _ in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] == 1
    assert all(type(line) is str and "\n" not in line for _, line in seen)
    TAKE_LONG[call](machine.copy(), False)
    with pytest.raises(EbmError, match="progress: got 'yes'; expected True, False or a function"):
        TAKE_LONG[call](machine.copy(), "yes")


class Days:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


def member(days, name, first, begun, clock=None):
    """An estimator whose first round takes so long; each later one twice the time."""
    while True:
        begun.append(name)
        for _ in range(10):
            days.now += first / 10
            if clock is not None:
                clock()
        yield {name: Estimate(1.0, 1.0, "", {})}
        first *= 2


@pytest.mark.parametrize(
    ("firsts", "expected", "seconds"),
    [
        ((0.5, 1, 1), ["a", "b", "c", "a"], 3.5),  # all have a round, and the first one a second
        ((1, 30, 2), ["a", "b"], 11),  # one that takes longer than twice the budget is left, and none begins
        ((6, 1, 1), ["a"], 6),  # nobody begins when the budget is spent
        ((50, 1, 1), ["a"], 50),  # the first one makes the first estimate
    ],
)
def test_a_budget_is_kept_whatever_rounds_take(firsts, expected, seconds, monkeypatch):
    days, begun = Days(), []
    monkeypatch.setattr(growing, "time", days)
    clock = growing.Clock(5.0)
    members = {
        name: member(days, name, first, begun, clock) for name, first in zip("abc", firsts, strict=True)
    }
    found = growing.grow(members, growing.Effort(budget=5.0), clock=clock)
    assert begun == expected
    assert days.now == pytest.approx(seconds, abs=3.1)
    assert "a" in found
    assert days.now <= max(2 * 5.0 + 3, firsts[0])


def test_without_a_budget_the_clock_decides_nothing(monkeypatch):
    days, begun = Days(), []
    monkeypatch.setattr(growing, "time", days)
    members = {name: member(days, name, 1e6, begun) for name in "ab"}
    growing.grow(members, growing.Effort(budget=float("inf"), rounds=2))
    assert sorted(begun) == ["a", "a", "b", "b"]


@pytest.mark.filterwarnings("ignore")
def test_a_report_without_all_of_its_members_is_not_trusted():
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 40, 40, scale=0.5, dtype="float64")
    found = ebm.log_z(machine, "report", budget=1e-9)
    assert list(found.estimates) == ["ais"]
    assert found.verdict == "do not trust"
    assert np.isfinite(found.value)
