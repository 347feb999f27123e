"""The page about runs: what it tells, that it is whole and safe, and that a browser reads it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner
from fake_runs import fake_run, fake_sweep, row, summary, tables
from fakes import fake_metrics

from ebm.cli import main
from ebm.errors import EbmError
from ebm.experiment import write_report
from ebm.experiment.captions import CAPTIONS
from ebm.experiment.directory import FIGURES
from ebm.experiment.judging import judge
from ebm.experiment.reporting import page
from ebm.experiment.results import read_results, read_sweep
from ebm.experiment.telling import sentence, sweep_again

VOID = {"meta", "img", "br", "link", "input", "hr"}
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Reader(HTMLParser):
    """Checks that elements are closed in their turn, and keeps what they are."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data

    def attributes(self, name):
        return [attrs[name] for _, attrs in self.elements if name in attrs]

    def count(self, tag):
        return sum(one == tag for one, _ in self.elements)


def checked(text):
    """The page, read: balanced, ids once, links within, nothing from elsewhere."""
    found = Reader(text)
    ids = found.attributes("id")
    assert len(ids) == len(set(ids))
    assert all(link[0] == "#" and link[1:] in ids for link in found.attributes("href"))
    assert all(source.startswith("data:image/png;base64,") for source in found.attributes("src"))
    assert not re.search(r"https?://|//cdn|@import|url\(", text)
    assert found.count("script") == found.count("style") == 1
    assert not [name for _, attrs in found.elements for name in attrs if name.startswith("on")]
    return found


def picture(width=4, height=3):
    """The bytes of a grey PNG."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = fake_run(
        tmp_path_factory.mktemp("runs") / "digits", tables("digits"), summary(log_likelihood_test=-16.5)
    )
    (path / "figures").mkdir()
    for name in FIGURES:
        (path / "figures" / f"{name}.png").write_bytes(picture())
    (path / "run.log").write_text(
        "2026-11-30 12:00:00,000 INFO    learning\n2026-11-30 12:00:01,000 WARNING odd rows\n"
    )
    return path


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return fake_sweep(tmp_path_factory.mktemp("sweeps") / "tiny")


# --- a run -----------------------------------------------------------------------------------------------


def test_a_run_is_told(run):
    found = checked(page(run))
    for text in (
        "RBM with 96 hidden units, learnt from Digits by PCD",
        "−16.500",
        "agree: of the fake",
        "odd rows",
        "held-out error, softmax on the data",
        "optimiser.rate.type",
        "[optimiser.rate]",  # the config as it is
        "0123456789abcdef",
        shlex.join(["ebm", "run", str(run / "config.toml"), "--out", f"{run}-again"]),
    ):
        assert text in found.text, text
    assert found.count("figure") == found.count("img") == len(FIGURES)
    assert page(run) == page(run)


def test_every_figure_has_a_caption():
    assert set(CAPTIONS) - {"learning_curves"} == set(FIGURES) - {"learning_curves"}
    assert set(CAPTIONS) == set(FIGURES)


def test_settings_that_are_not_the_defaults_come_first(run):
    text = page(run)
    assert text.index("machine.n_hidden") < text.index("<details>") < text.index("offset_rate")


def test_a_run_without_scores_or_figures(tmp_path):
    found = checked(page(fake_run(tmp_path / "young", metrics={"step": np.arange(2)})))
    assert "unfinished" in found.text
    assert "None yet" in found.text
    assert found.count("figure") == 0


def test_files_that_are_cut_short_are_said(tmp_path):
    path = fake_run(tmp_path / "cut", found=summary())
    (path / "figures").mkdir()
    (path / "figures" / "weights.png").write_bytes(picture()[:20])
    (path / "summary.json").write_text('{"table": [')
    (path / "metrics.jsonl").write_text("{\n{\n")
    found = checked(page(path))
    for text in (
        "damaged",
        "summary.json: not a whole JSON file",
        "metrics.jsonl: line 1",
        "weights.png: no PNG",
    ):
        assert text in found.text
    (path / "config.toml").unlink()
    assert "without a config" in checked(page(path)).text


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(EbmError, match="neither a run"):
        write_report(tmp_path, tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


# --- several ---------------------------------------------------------------------------------------------


def test_a_sweep_is_told(sweep):
    found = checked(page(sweep))
    for text in (
        "4 settings of n_hidden, up to 3 runs each",
        "9 finished",
        "1 failed",
        "Input should be greater than or equal to 1, got 0",
        "unfinished, at epoch 55 of 60",
        "Δ to n_hidden=64",
        "ebm sweep configs/tiny.toml --grid machine.n_hidden=16,64,256,0,512 --grid train.seed=0,1,2",
    ):
        assert text in found.text, text
    values = [attrs.get("data-value") for tag, attrs in found.elements if tag == "td"]
    assert "64.0" in values
    assert found.count("polyline") >= 4 * 4
    rows = [attrs for tag, attrs in found.elements if tag == "tr" and "data-series" in attrs]
    assert len(rows) == 4 + 10  # groups, and the runs that have a config


def test_two_runs_stand_side_by_side(run, tmp_path):
    other = fake_run(tmp_path / "other", tables("bars"), summary(-20, "do not trust"))
    found = checked(page([run, other]))
    for text in ("2 settings, which differ in", "1 run: do not trust", "other", "(?)"):
        assert text in found.text, text
    assert "readout.batch_size" not in found.text.partition("All settings of the first run")[0]


def test_the_command_of_a_sweep_that_drew(tmp_path):
    told = {"format": 1, "config": "my config.toml", "overrides": ["train.epochs=5"], "tasks": ["a"]}
    told["axes"] = {
        "optimiser.rate": {"low": 0.001, "high": 0.1, "log": True},
        "rule": [{"type": "CD", "k": 5}],
    }
    (tmp_path / "sweep.json").write_text(json.dumps(told))
    words = shlex.split(sweep_again(tmp_path, read_sweep(tmp_path)))
    assert words[:3] == ["ebm", "sweep", "my config.toml"]
    assert "optimiser.rate=log 0.001..0.1" in words
    assert 'rule={type = "CD", k = 5}' in words
    assert words[words.index("--set") + 1] == "train.epochs=5"
    assert "--random" in words


def test_a_sweep_that_has_not_begun(tmp_path):
    (tmp_path / "sweep.json").write_text('{"format": 1, "config": "c.toml", "axes": 3, "tasks": ["a", "b"]}')
    found = checked(page(tmp_path))
    assert "2 not begun" in found.text
    assert "None of these runs has a config" in found.text


# --- nothing of a file is markup -------------------------------------------------------------------------

EVIL = "<script>alert(1)</script>"


def test_text_of_files_is_escaped(tmp_path):
    config = tables(data={"type": EVIL, "path": f"/x/{EVIL}"}, machine__n_hidden=EVIL)
    config["</pre>" + EVIL] = {EVIL: EVIL}
    found = summary(reason=EVIL)
    found["table"] += [row(EVIL, "1.0", EVIL), row("</td>" + EVIL, EVIL, "nats")]
    found["log_z"]["reason"] = EVIL
    path = fake_run(tmp_path / "<script>alert(2)<!--", config, found)
    (path / "run.log").write_text(f"x WARNING {EVIL}\n")
    read = checked(page(path))
    assert EVIL in read.text
    assert "<script>alert(2)<!--" in read.text
    other = fake_run(
        tmp_path / "other", tables(machine__n_hidden='"><img src=x onerror=alert(3)>'), error=EVIL
    )
    read = checked(page([path, other]))
    assert read.text.count(EVIL) > 3
    assert read.count("img") == 0
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "sweep.json").write_text(json.dumps({"tasks": ["a"], "config": EVIL, "axes": {EVIL: [EVIL]}}))
    checked(page(odd))


# --- judgements ------------------------------------------------------------------------------------------


def judged(path, *, found=None, config=None, log="", **metrics):
    """Levels by what is judged, of a run with such metrics."""
    fake_run(path, config, summary() if found is None else found, metrics=fake_metrics() | metrics)
    (path / "run.log").write_text(log)
    (result,) = read_results([path])
    return {one.what: one.level for one in judge(result)}


def test_judgements(tmp_path):
    n = len(fake_metrics()["step"])
    good = judged(tmp_path / "a", dead=np.zeros(n), saturated=np.zeros(n), relaxation_time=np.full(n, 3.0))
    assert good["log Z"] == good["samples"] == good["equilibrium"] == good["hidden units"] == "good"
    idle = judged(
        tmp_path / "b", config=tables(machine__n_hidden=8), dead=np.full(n, 2.0), saturated=np.full(n, 1.0)
    )
    assert idle["hidden units"] == "bad"
    assert judged(tmp_path / "c", dead=np.ones(n))["hidden units"] == "look"
    left = judged(tmp_path / "d", log="t WARNING learning has left equilibrium at step 9\n")
    assert left["equilibrium"] == "bad"
    low = judged(tmp_path / "e", free_energy_chains=np.full(n, -400.0))
    assert low["chains"] == "look"
    assert judged(tmp_path / "f", free_energy_chains=fake_metrics()["free_energy_train"])["chains"] == "good"
    late = fake_metrics()["log_likelihood_heldout"] - 50 * (np.arange(n) > 6)
    assert judged(tmp_path / "g", log_likelihood_heldout=late)["overfitting"] == "look"
    assert "overfitting" not in judged(tmp_path / "h")


@pytest.mark.parametrize(
    ("found", "what", "level"),
    [
        (summary(verdict="do not trust"), "log Z", "bad"),
        (summary(verdict="unchecked"), "log Z", "look"),
        (summary(verdict="exact"), "log Z", "good"),
        (summary(log_likelihood_test=-16.5), "baselines", "good"),
        (summary(log_likelihood_test=-22.5), "baselines", "look"),
        (summary(sampling={"tau": 70.0, "thin": 3}), "samples", "look"),
        (summary(sampling={"tau": None, "thin": 3}), "samples", "look"),
    ],
)
def test_judgements_of_a_summary(tmp_path, found, what, level):
    assert judged(tmp_path / "run", found=found)[what] == level


def test_the_worst_comes_first(tmp_path):
    levels = list(judged(tmp_path / "run", found=summary(verdict="do not trust")).values())
    assert levels == sorted(levels, key=["bad", "look", "good"].index)


def test_sentences_of_all_configs():
    for name in ("tiny", "digits", "digits-dbn", "bars", "encoder", "spin-glass"):
        said = sentence(tables(name))
        assert said.endswith(".")
        assert "None" not in said
        assert "—" not in said, said
    assert sentence({}) == "A machine."


# --- the command, and a browser --------------------------------------------------------------------------


def test_the_command(run, sweep, tmp_path):
    result = CliRunner().invoke(main, ["report", str(run), str(sweep), "-o", str(tmp_path / "all.html")])
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(tmp_path / "all.html")
    checked((tmp_path / "all.html").read_text())
    for file in ("all.pdf", "no/all.html"):
        assert CliRunner().invoke(main, ["report", str(run), "-o", str(tmp_path / file)]).exit_code == 1


PROBE = """<script>
const rows = () => Array.from(document.querySelectorAll("#table-1 tbody tr"));
const column = () => rows().map((row) => row.cells[0].innerText.trim()).join();
const head = document.querySelector("#table-1 th button");
head.click(); const up = column();
head.click(); const down = column();
document.querySelector(".legend button").click();
const lit = document.querySelectorAll("#curves .curve.on").length;
const size = document.documentElement.scrollWidth <= innerWidth;
document.body.dataset.found = [up, down, lit, size, document.querySelectorAll(".lit").length].join(" ");
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_browser_reads_it(sweep, tmp_path):
    """Without complaints; columns sort, curves light up, nothing is wider than a phone."""
    file = tmp_path / "page.html"
    file.write_text(page(sweep).replace("</body>", f"{PROBE}</body>"))
    command = [
        BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
        "--window-size=500,900", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=2000", "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode < 0:  # as under a limit of address space, of which it takes terabytes
        pytest.skip(f"Chromium does not run here: signal {-done.returncode}")
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found is not None, done.stdout[-500:]
    assert found[1] == "16,64,256,512 512,256,64,16 4 true 1"
