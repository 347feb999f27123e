"""Firth's penalty: Jeffreys' prior of each site, against the definition."""

import numpy as np
import pytest
from scipy.optimize import minimize

import ebm
from ebm import L2, Bernoulli, EbmError, Gaussian, Ising, Mixed, NotSupported, Potts
from ebm.inverse import METHODS, Firth, infer
from ebm.inverse.basis import Basis

TABLE = Mixed(((Bernoulli(), 1), (Potts(3), 1), (Ising(), 2)))


def by_definition(rows, units, i):
    """The bias and couplings of unit i's contrasts, (r, P): log-likelihood + ½ log det of its information."""
    basis = Basis(units, rows.shape[1])
    f = [np.asarray(g) for g in basis.contrasts]
    codes = [np.searchsorted(own.states, x) for own, x in zip(basis.types, rows.T, strict=True)]
    others = [f[j][codes[j]] for j in range(basis.n) if j != i]
    design = np.hstack([np.ones((len(rows), 1)), *others])
    r, P = f[i].shape[1], design.shape[1]

    def loss(flat):
        u = design @ flat.reshape(r, P).T @ f[i].T
        log_p = u - np.logaddexp.reduce(u, axis=1)[:, None]
        p = np.exp(log_p)
        mean = p @ f[i]
        spread = np.einsum("ms,sa,sb->mab", p, f[i], f[i]) - mean[:, :, None] * mean[:, None]
        information = np.einsum("mab,mp,mq->apbq", spread, design, design).reshape(r * P, r * P)
        return -log_p[np.arange(len(rows)), codes[i]].sum() - 0.5 * np.linalg.slogdet(information)[1]

    return minimize(loss, np.zeros(r * P), method="BFGS", options={"gtol": 1e-7}).x.reshape(r, P)


def rows_of_few(seed=0, n=40):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n), rng.integers(0, 3, n), rng.choice([-1, 1], (n, 2))])
    return x.astype(float)


@pytest.mark.parametrize("apart", [False, True], ids=["mixed", "separated"])
def test_each_site_is_that_of_the_definition(apart):
    rows = rows_of_few()
    if apart:
        rows[rows[:, 1] == 2, 3] = 1  # one state tells another: without a penalty its coupling is infinite
        with pytest.warns(RuntimeWarning, match="normal prior"):
            infer(rows, TABLE)
    found = infer(rows, TABLE, penalty=Firth())
    basis = Basis(TABLE, 4)
    K, h = np.zeros((5, 5)), np.zeros(5)
    for i, own in enumerate(basis.own):
        theta = by_definition(rows, TABLE, i)
        h[own] = theta[:, 0]
        K[np.ix_(np.arange(own.start, own.stop), basis.owners != i)] = theta[:, 1:]
    J, b = basis.in_units((K + K.T) / 2, h)
    np.testing.assert_allclose(found.J, J, atol=2e-5)
    np.testing.assert_allclose(found.b, b, atol=2e-5)
    assert np.isfinite(found.stderr_b).all()
    if apart:
        assert found.stderr_J[2, 4] > 0.3  # what is told apart is large, and not sure


def test_of_many_rows_it_says_little():
    J = np.array([[0, 0.6, 0], [0.6, 0, -0.6], [0, -0.6, 0]])
    rows = ebm.sample(ebm.BoltzmannMachine(Ising(), J), 2000, seed=0).x
    plain, firth = infer(rows, Ising()), infer(rows, Ising(), penalty=Firth())
    assert 1e-6 < np.abs(firth.J - plain.J).max() < 3e-3
    assert np.isnan(firth.stderr_J.diagonal()).all()
    np.testing.assert_allclose(firth.stderr_J, plain.stderr_J, rtol=0.1)


def test_what_it_cannot_be_of_is_refused():
    rows = rows_of_few()
    for method in set(METHODS) - {"pseudo_likelihood"}:
        with pytest.raises(EbmError, match=r"penalty|pseudo_likelihood"):
            infer(rows, TABLE, method, penalty=Firth())
    for wrong in ({"symmetrise": "joint"}, {"units": Mixed(((Bernoulli(), 1), (Gaussian(), 3)))}):
        with pytest.raises(NotSupported, match="Firth"):
            infer(rows, **({"units": TABLE, "penalty": Firth()} | wrong))
    with pytest.raises(EbmError, match="stands alone"):
        infer(rows, TABLE, penalty=[Firth(), L2(0.1)])
    rows[:, 2] = rows[:, 3]  # copies: the information has no inverse
    with pytest.warns(RuntimeWarning, match="normal prior"):
        assert np.isfinite(infer(rows, TABLE, penalty=Firth()).J).all()
