"""`Samples`: which chain and draw each row is of, and the tables that it becomes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import RBM, Annealing, Bernoulli, BoltzmannMachine, Direct, Ising, PopulationAnnealing, sample
from ebm.cli import main

PAIR = BoltzmannMachine(Ising(), [[0.0, 0.3], [0.3, 0.0]])
HOW = {"burn_in": 3, "thin": 2, "seed": 1}


def chains_of(found):
    """The states of each chain in their order."""
    return {c: found.x[found.chain == c][np.argsort(found.draw[found.chain == c])] for c in found.chain}


def test_every_row_is_of_a_chain_and_a_draw():
    found = sample(PAIR, 25, n_chains=10, **HOW)
    assert np.array_equal(found.chain, np.arange(25) % 10)
    assert np.array_equal(found.draw, np.arange(25) // 10)


def test_chains_are_chains():
    """Spins that nothing turns: all states of a chain are one, those of others another."""
    frozen = BoltzmannMachine(Ising(), 30 * (1 - np.eye(6)))
    with pytest.warns(RuntimeWarning, match="autocorrelation"):
        found = sample(frozen, 60, n_chains=12, thin=1)
    each = chains_of(found)
    assert len(each) == 12
    assert all((x == x[0]).all() for x in each.values())
    assert len({tuple(x[0]) for x in each.values()}) == 2


@pytest.mark.parametrize("sampler", [Annealing(n_steps=5), Direct(), PopulationAnnealing()])
def test_independent_rows_are_chains_of_their_own(sampler):
    found = sample(PAIR, 7, sampler=sampler)
    assert np.array_equal(found.chain, np.arange(7))
    assert not found.draw.any()


def test_a_row_of_given_is_a_chain():
    given = [[1, np.nan], [np.nan, 1], [-1, np.nan], [np.nan, np.nan]]
    found = sample(PAIR, 4, given=given)
    assert np.array_equal(found.chain, np.arange(4))
    assert not found.draw.any()


def test_blocks_of_an_executor_number_chains_alike():
    with ThreadPoolExecutor(2) as executor:
        found = sample(PAIR, 130, n_chains=60, executor=executor, **HOW)
    assert np.array_equal(found.chain, np.arange(130) % 60)
    assert np.array_equal(found.draw, np.arange(130) // 60)


def test_dataframes():
    pytest.importorskip("pandas")
    found = sample(PAIR, 25, n_chains=10, **HOW)
    frame = found.to_dataframe()
    assert list(frame.columns) == ["chain", "draw", "free_energy", "energy", "x0", "x1"]
    assert np.array_equal(frame[["x0", "x1"]], found.x)
    assert np.array_equal(frame["chain"], found.chain)
    assert np.array_equal(frame["free_energy"], found.free_energy)


def test_arviz_reads_them():
    pytest.importorskip("xarray")
    found = sample(PAIR, 30, n_chains=10, **HOW)
    tree = found.to_xarray()
    x, lp = tree["posterior"]["x"], tree["sample_stats"]["lp"]
    assert x.dims == ("chain", "draw", "unit")
    for c, own in chains_of(found).items():
        assert np.array_equal(x.sel(chain=c), own)
        np.testing.assert_array_equal(lp.sel(chain=c), -PAIR.energy(own))
    assert tree["posterior"].attrs["thin"] == 2
    with pytest.warns(RuntimeWarning, match="5 of 35 rows are left out: chains that have more than 3 draws"):
        short = sample(PAIR, 35, n_chains=10, **HOW).to_xarray()
    assert short["posterior"]["x"].shape == (10, 3, 2)
    arviz = pytest.importorskip("arviz_base")
    assert arviz.extract(tree).shape == (2, 30)


def test_files_have_chains(tmp_path):
    ebm.save(tmp_path / "m.npz", RBM.random(Bernoulli(), Bernoulli(), 4, 3, dtype="float64"))

    def call(*args):
        done = CliRunner().invoke(main, ["sample", str(tmp_path / "m.npz"), "-n", "230", *args])
        assert done.exit_code == 0, done.output
        return done.output

    call("-o", str(tmp_path / "x.npz"))
    with np.load(tmp_path / "x.npz") as kept:
        assert np.array_equal(kept["chain"], np.arange(230) % 100)
        assert np.array_equal(kept["draw"], np.arange(230) // 100)
        x, free_energy = kept["x"], kept["free_energy"]
    lines = call("--chains").splitlines()
    assert lines[0] == "chain,draw,free_energy,x0,x1,x2,x3"
    assert lines[101] == ",".join(f"{v:.8g}" for v in (0, 1, free_energy[100], *x[100]))
    parquet = pytest.importorskip("pyarrow.parquet")
    call("-o", str(tmp_path / "x.parquet"))
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names == lines[0].split(",")
    assert np.array_equal(np.stack([table[f"x{k}"] for k in range(4)], axis=1), x)


def test_what_is_not_installed_is_named(monkeypatch):
    import sys

    for module, method in (("pandas", "to_dataframe"), ("xarray", "to_xarray")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ebm.EbmError, match=rf"{method} needs {module}: .*\[interchange\]"):
            vars(ebm.Samples)[method](sample(PAIR, 3, **HOW))
