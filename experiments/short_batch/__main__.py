"""Does an uneven last minibatch harm learning?

501 rows of 8 fair bits, batch 500 (so the last batch of an epoch has one row), rate 0.1, 8 hidden units, 200
epochs. Prints the exact mean log-likelihood of the rows for ebm and for scikit-learn's BernoulliRBM, which
weighs the one row against all of its chains and diverges:

    python -m experiments.short_batch
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.neural_network import BernoulliRBM

import ebm


def main() -> None:
    rows = np.random.default_rng(0).integers(0, 2, (501, 8)).astype(float)
    bits = ebm.Bernoulli()
    print("| machine | exact mean log-likelihood of the rows, nats | wanted |\n|---|---|---|")
    for rule in (ebm.CD(), ebm.PCD(), ebm.PCD(n_chains=500), ebm.PCD(centred=True)):
        machine = ebm.RBM.random(bits, bits, 8, 8, seed=0)
        ebm.fit(machine, rows, rule=rule, optimiser=ebm.SGD(0.1), batch_size=500, epochs=200)
        print(f"| ebm, {rule} | {ebm.log_likelihood(machine, rows).mean():.3f} | above −5.7 |")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = BernoulliRBM(8, learning_rate=0.1, batch_size=500, n_iter=200, random_state=0).fit(rows)
    theirs = ebm.RBM(bits, bits, peer.components_.T, peer.intercept_visible_, peer.intercept_hidden_)
    print(f"| scikit-learn BernoulliRBM | {ebm.log_likelihood(theirs, rows).mean():.3f} | |")


if __name__ == "__main__":
    main()
