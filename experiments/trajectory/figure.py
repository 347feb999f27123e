"""The figure: data and samples in the plane of the data's first two principal components."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.trajectory.data import Map

SHOWN = 1000  # points of each set
LOOKS = [  # colour and marker of each cluster, after Okabe and Ito: apart without colour too
    ("#0072b2", "o"),
    ("#e69f00", "s"),
    ("#009e73", "^"),
    ("#cc79a7", "v"),
    ("#000000", "+"),
    ("#56b4e9", "x"),
]


def draw(path: Path, plane: Map, sets: dict[str, np.ndarray]) -> None:
    """A panel for each of the first four sets, coloured by k-means cluster of the data."""
    figure = Figure(figsize=(9, 7.6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    for ax, (name, rows) in zip(panels, sets.items(), strict=False):
        places = plane.places(rows[:SHOWN])
        labels = plane.clusters.predict(places)
        for k, (colour, marker) in enumerate(LOOKS[: plane.clusters.n_clusters]):
            ax.scatter(*places[labels == k, :2].T, s=7, c=colour, marker=marker, linewidths=0.6, alpha=0.7)
        ax.set_title(name)
        ax.grid(alpha=0.25)
    for ax in panels[2:]:
        ax.set_xlabel("first principal component of the data")
    for ax in panels[::2]:
        ax.set_ylabel("second principal component")
    figure.savefig(path, dpi=90)
