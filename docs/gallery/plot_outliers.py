"""
Odd rows
========

Log-likelihoods of digits, and of digits with flipped pixels: two hills.
"""

import matplotlib.pyplot as plt
import numpy as np

from ebm.datasets import Digits
from ebm.estimators import BoltzmannMachineDensity

digits = Digits(threshold=8).load()
model = BoltzmannMachineDensity(n_components=12, n_iter=20, random_state=0).fit(digits.train)
flips = np.random.default_rng(0).random(digits.test.shape) < 0.1
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.hist(model.score_samples(digits.test), 40, alpha=0.6, label="digits")
ax.hist(model.score_samples(np.abs(digits.test - flips)), 40, alpha=0.6, label="one pixel in ten flipped")
ax.set(xlabel="log-likelihood (nats)", ylabel="rows")
ax.legend()
