"""
Is 80 % sure right in 80 %?
===========================

The probabilities of a discriminative RBM, held against what came true: above the line, it is too modest.
"""

from ebm import plots
from ebm.datasets import Digits
from ebm.estimators import RBMClassifier

digits = Digits(threshold=8).load()
model = RBMClassifier(40, n_iter=20, random_state=0).fit(digits.train, digits.train_labels)
figure = plots.reliability(model.predict_proba(digits.test), digits.test_labels).figure
