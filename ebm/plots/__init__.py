"""Figures of a run: what a Boltzmann machine learnt, how its chains moved, what it draws.

Six questions, and the figures that answer each:

* *Does it fit?* `likelihood_curves` and `kl_curve`: nats per sample against step, with the error of log Z.
* *Does it overfit?* `free_energy_gap`. Log Z cancels in a difference of free energies, so the gap between
  held-out and training rows costs no estimate of log Z (Hinton, "A practical guide to training restricted
  Boltzmann machines", 2010, section 6). `energy_curves` shows the parts.
* *Do its chains reach where the data are?* `energy_histogram` and `moments`: data and model must agree;
  `energy_traces` and `annealing`: chains relax, and reach low energies.
* *What does it hold?* `weights`, `samples`; of inferred couplings, `edges`, `network`; how they were
  chosen, `ebic_path`; beside true ones, `couplings` and `roc`; of an alignment's, `contact_map`,
  `ppv_curve`, `mutation_map`.
* *Does it predict?* `learning_curves`, `confusion`, `reliability`, `misclassified`, `features_by_class`;
  of numbers, `predictions`.
* *How does it order when it is cooled?* `thermo`.
* *Which of several runs is better?* `compare_curves`.

Every function takes arrays (the curves also a run directory) and returns matplotlib Axes; ``ax.figure`` is
the figure, which a notebook shows at the end of a cell. Nothing here touches pyplot, a backend or rcParams,
so figures need no display and leak nothing. They are to be read in black and white too: series differ in
luminance, line style and marker. `plot_run` draws all that a run directory allows.
"""

from ebm.plots.approach import approach_curves
from ebm.plots.chains import annealing, energy_histogram, energy_traces, moments
from ebm.plots.classes import features_by_class, misclassified, reliability
from ebm.plots.contacts import contact_map, mutation_map, ppv_curve
from ebm.plots.curves import (
    energy_curves,
    free_energy_gap,
    kl_curve,
    learning_curves,
    likelihood_curves,
)
from ebm.plots.images import confusion, samples, weights
from ebm.plots.inverse import couplings, roc
from ebm.plots.networks import ebic_path, network
from ebm.plots.numbers import edges, predictions
from ebm.plots.reading import read_metrics
from ebm.plots.run import plot_run, save_figure
from ebm.plots.several import compare_curves
from ebm.plots.thermo import thermo

__all__ = [
    "annealing",
    "approach_curves",
    "compare_curves",
    "confusion",
    "contact_map",
    "couplings",
    "ebic_path",
    "edges",
    "energy_curves",
    "energy_histogram",
    "energy_traces",
    "features_by_class",
    "free_energy_gap",
    "kl_curve",
    "learning_curves",
    "likelihood_curves",
    "misclassified",
    "moments",
    "mutation_map",
    "network",
    "plot_run",
    "ppv_curve",
    "predictions",
    "read_metrics",
    "reliability",
    "roc",
    "samples",
    "save_figure",
    "thermo",
    "weights",
]
