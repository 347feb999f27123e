"""The two data sets, their principal components and their clusters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"  # beside the repository
FILES = {  # file, array, columns
    "mickey": ("lowdim_synthetic.npz", "mickey_packed", 1000),
    "genes": ("genes_1kg_805snp.npz", "X_packed", 805),
}
N_COMPONENTS = 4
N_CLUSTERS = 5


def load(name: str, folder: Path = SHARED) -> np.ndarray:
    """The rows in a random order that is always the same: (n, d) float32 of 0 and 1."""
    file, key, d = FILES[name]
    rows = np.unpackbits(np.load(folder / file)[key], axis=1)[:, :d]
    return np.random.default_rng(0).permutation(rows).astype(np.float32)


@dataclass
class Map:
    """The plane of the first principal components of some rows, and its k-means clusters."""

    mean: np.ndarray
    axes: np.ndarray  # (d, 4), orthonormal
    spread: np.ndarray  # standard deviations along them
    clusters: KMeans

    @classmethod
    def of(cls, rows: np.ndarray, n_clusters: int = N_CLUSTERS) -> Map:
        """Components and clusters of these rows."""
        mean = rows.mean(0, dtype=np.float64)
        centred = (rows - mean).astype(np.float32)  # a singular value decomposition takes ten times as long
        variances, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(rows))
        axes = axes[:, : -N_COMPONENTS - 1 : -1]
        clusters = KMeans(n_clusters, n_init=10, random_state=0).fit(centred @ axes)
        return cls(mean, axes, np.sqrt(variances[: -N_COMPONENTS - 1 : -1]), clusters)

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Coordinates, (n, 4)."""
        return (rows - self.mean) @ self.axes

    def weights(self, rows: np.ndarray) -> np.ndarray:
        """The share of rows in each cluster."""
        labels = self.clusters.predict(self.places(rows))
        return np.bincount(labels, minlength=self.clusters.n_clusters) / len(rows)
