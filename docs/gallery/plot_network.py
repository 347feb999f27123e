"""
Which measurements hang together?
=================================

A sparse network of eight measurements of tumours, cut at their medians, and of the diagnosis.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

from ebm import plots
from ebm.estimators import IsingNetwork

raw = load_breast_cancer()
kept = [0, 1, 4, 5, 6, 7, 8, 9]
names = [raw.feature_names[k].removeprefix("mean ") for k in kept] + ["malignant"]
values = raw.data[:, kept]
X = np.column_stack([values > np.median(values, axis=0), raw.target == 0]).astype(float)
figure = plots.network(IsingNetwork().fit(X).couplings_, names).figure
