"""Progress: what shows, when, and where; wrong kinds of arguments in one line."""

import io
import sys
import types

import pytest
from rich.console import Console

import ebm.progress
from ebm import SGD, EbmError, Gibbs, Ising, Units
from ebm.errors import described, expect
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
        assert update is not ebm.progress._silent


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
