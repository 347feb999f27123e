"""What to see in each figure of a run, and what would be bad."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CAPTIONS", "Caption"]


class Caption(NamedTuple):
    """Of a figure: its title, what to see, what would be bad; whether it is an image rather than curves."""

    title: str
    see: str
    bad: str
    image: bool = False


CAPTIONS = {
    "likelihood": Caption(
        "Likelihood",
        "Nats per row against updates: rows that it learns from, rows never seen, and simpler models.",
        "held-out curves that fall while those of training rise are overfitting; an end below the Chow–Liu"
        " tree means that pairs of variables alone explain more.",
    ),
    "kl": Caption(
        "Divergence from the data",
        "The exact KL divergence falls towards what the machine cannot express.",
        "a plateau reached early, or a curve that turns up: too high a rate, or chains that are too short.",
    ),
    "energy_curves": Caption(
        "Free energies while learning",
        "Training rows, held-out rows and the chains: the curves of chains and data should run together.",
        "chains far below the data sit in a mode of their own; far above, they cannot reach what was learnt.",
    ),
    "free_energy_gap": Caption(
        "Free-energy gap",
        "Held-out minus training rows. Log Z cancels, so this needs no estimate of it.",
        "a gap that keeps growing is overfitting; it should level off.",
    ),
    "learning_curves": Caption(
        "Loss and error while learning",
        "Predictions of labels on training and held-out rows.",
        "a held-out loss that rises while the other falls: it has grown too sure of itself.",
    ),
    "fine_tuning": Caption(
        "Fine-tuning",
        "Loss and error while all layers learn the labels.",
        "held-out curves that turn up long before the end: stop earlier, or drop units out.",
    ),
    "energy_histogram": Caption(
        "Energies of data and samples",
        "Free energies of rows and of the machine's own samples should cover each other.",
        "samples that lie lower or narrower than the data: the machine prefers what is not there, or its"
        " chains have not mixed.",
    ),
    "energy_traces": Caption(
        "Chains at several temperatures",
        "Energies of Gibbs chains, from noise, level off within the sweeps shown.",
        "a curve that still slopes at its end has not relaxed: its samples are not yet the machine's.",
    ),
    "annealing": Caption(
        "Annealing",
        "Energy against inverse temperature, down to the lowest that was met.",
        "an end well above the reference: the ramp is too fast.",
    ),
    "moments": Caption(
        "Moments of data and samples",
        "Means and second moments of samples against those of data lie on the diagonal.",
        "a tilt or a cloud off the diagonal: correlations are missed, or samples are too few or dependent.",
    ),
    "edges": Caption(
        "Strongest couplings",
        "The thirty strongest couplings, with their 95 % intervals where the method has errors.",
        "intervals across zero from the top on: too few rows for these couplings.",
        image=True,
    ),
    "network": Caption(
        "Network",
        "Units and their couplings: width is strength, dashes are negative.",
        "a tangle: more edges than the rows can tell apart; expected a larger gamma.",
        image=True,
    ),
    "weights": Caption(
        "Weights",
        "What each hidden unit looks for: strokes, edges, parts.",
        "noise, copies of one pattern, or blank units: too high a rate, or units that have died.",
        image=True,
    ),
    "samples": Caption(
        "Samples",
        "Independent draws of the machine should look like the data, and as varied.",
        "the same few images over and over are modes that the chains do not leave.",
        image=True,
    ),
    "confusion": Caption(
        "Confusion",
        "True labels against predicted ones, of held-out rows: the diagonal should hold nearly all.",
        "a column that fills up: one class swallows others.",
        image=True,
    ),
    "reliability": Caption(
        "Reliability",
        "How often predictions come true, against how sure they are: on the diagonal.",
        "points below it are predictions that are too sure.",
    ),
    "misclassified": Caption(
        "Mistakes",
        "Rows predicted wrongly, the surest first: many should be hard for a person, too.",
        "clear cases among the first ones: something is wrong with the labels or the features.",
        image=True,
    ),
    "features_by_class": Caption(
        "Features by class",
        "The hidden units that speak most for each class.",
        "the same features for all classes: the labels have had no say.",
        image=True,
    ),
    "predictions": Caption(
        "Predicted numbers",
        "True against predicted numbers with 90 % intervals, which should hold nine in ten.",
        "a bend off the diagonal, or intervals that hold far fewer.",
    ),
}
