"""Pictures of alignments: which sites touch, how many of the best pairs do, what mutations cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from ebm.errors import EbmError, expect
from ebm.plots.images import matrix
from ebm.plots.style import CHAINS, DIVERGING, GREY, HELDOUT, TRAIN, new_axes

__all__ = ["contact_map", "mutation_map", "ppv_curve"]

_LOOKS = (TRAIN, HELDOUT, CHAINS)
_LETTERED = 60  # sites beyond which their letters are not written


def contact_map(
    pairs: ArrayLike, contacts: ArrayLike, *, cutoff: float = 8.0, ax: Axes | None = None
) -> Axes:
    """Draw predicted pairs of sites over the true contacts.

    Parameters
    ----------
    pairs : (k, 2) array of int
        Predicted ones, such as ``contact_pairs(scores, n)``.
    contacts : (L, L) array
        True where two sites touch, or distances: below `cutoff` is a contact, NaN is not known.
    cutoff : float
        Å.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Grey: true contacts; above the diagonal predictions, right ones as dots, wrong ones as crosses, those
        of which nothing is known as rings. The title counts them.

    Raises
    ------
    EbmError
        Shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> contact_map([[0, 2], [0, 3]], np.array([[0, 4, 5, 9.0]] * 4)).get_title()
    '1 of 2 predicted pairs touch: PPV 0.5'
    """
    p, c = np.asarray(pairs), np.asarray(contacts)
    if c.ndim != 2 or c.shape[0] != c.shape[1] or not c.size or c.dtype.kind not in "biuf":
        raise EbmError(f"contact_map: contacts: expected a square matrix, got {c.dtype} {c.shape}")
    if p.ndim != 2 or p.shape[1] != 2 or not len(p) or p.dtype.kind not in "iu":
        raise EbmError(f"contact_map: pairs: expected integers (k, 2), got {p.dtype} {p.shape}")
    if p.min() < 0 or p.max() >= len(c):
        raise EbmError(f"contact_map: pairs: expected sites from 0 to {len(c) - 1}, got {p.min()}, {p.max()}")
    with np.errstate(invalid="ignore"):
        true = c if c.dtype == bool else c < cutoff
    known = np.ones_like(true) if c.dtype == bool else ~np.isnan(c)
    i, j = np.sort(p, axis=1).T
    ax = new_axes(ax, (5.6, 5.8))
    ax.imshow(true, cmap=ListedColormap(["white", "0.78"]), vmin=0, vmax=1, interpolation="nearest")
    kinds = (
        ("touch", true[i, j] & known[i, j], "o", TRAIN.colour, TRAIN.colour),
        ("do not", ~true[i, j] & known[i, j], "x", HELDOUT.colour, None),
        ("not known", ~known[i, j], "o", "none", GREY),
    )
    for label, some, marker, face, edge in kinds:
        if some.any():
            ax.scatter(
                j[some], i[some], s=14, linewidth=1.1, label=f"{label} ({some.sum()})", marker=marker,
                color=face, edgecolor=edge,
            )  # fmt: skip
    hits, n = int((true & known)[i, j].sum()), int(known[i, j].sum())
    share = f": PPV {hits / n:.3g}" if n else ""
    ax.set_title(f"{hits} of {n} predicted pairs touch{share}", fontsize="medium")
    ax.set_xlabel("site")
    ax.set_ylabel("site")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower left", frameon=True, fontsize="small", handletextpad=0.2)
    return ax


def ppv_curve(
    curves: ArrayLike | Mapping[str, ArrayLike], n_sites: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the share of contacts among the best pairs, against how many are taken.

    Parameters
    ----------
    curves : (k,) array, or a dict of them by name
        Such as ``ppv(scores, distances)``; three at most.
    n_sites : int, optional
        L: lines at L/5, L/2 and L, and no curve beyond 3 L.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    EbmError
        What is no curve.

    Examples
    --------
    >>> ppv_curve({"mean field": [1.0, 0.5, 0.67]}, 3).get_xlabel()
    'pairs taken, best first'
    """
    named = curves if isinstance(curves, Mapping) else {"": curves}
    if not 1 <= len(named) <= len(_LOOKS):
        raise EbmError(f"ppv_curve: expected 1 to {len(_LOOKS)} curves, got {len(named)}")
    ax = new_axes(ax, (6.0, 4.2))
    longest = 1
    for (name, values), look in zip(named.items(), _LOOKS, strict=False):
        y = np.asarray(values)
        if y.ndim != 1 or not y.size or y.dtype.kind not in "iuf":
            raise EbmError(f"ppv_curve: {name or 'curves'}: expected numbers (k,), got {y.dtype} {y.shape}")
        y = y[: None if n_sites is None else 3 * n_sites]
        longest = max(longest, len(y))
        ax.plot(
            np.arange(1, len(y) + 1), y, look.line, color=look.colour, linewidth=1.6, label=name, zorder=3
        )
    ax.set_xscale("log")
    ax.set_xlim(1, max(2, longest))
    ax.set_ylim(0, 1.02)
    if n_sites is not None:
        for share, label in ((5, "L/5"), (2, "L/2"), (1, "L")):
            at = n_sites // share
            if 1 < at <= longest:
                ax.axvline(at, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
                ax.text(at, 1.03, label, ha="center", va="bottom", color=GREY, fontsize="small")
    ax.set_xlabel("pairs taken, best first")
    ax.set_ylabel("share that touch (PPV)")
    if any(named):
        ax.legend(loc="lower left", frameon=False)
    return ax


def mutation_map(
    changes: ArrayLike,
    sequence: Sequence[int] | ArrayLike | None = None,
    alphabet: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what single mutations cost as a heat map: sites from left to right, letters from top to bottom.

    Parameters
    ----------
    changes : (L, q) array
        Changes of the energy (nats), such as those of `ebm.inverse.mutation_scan`; NaN is left blank.
    sequence : (L,) array of int, optional
        The states of the sequence itself, which are marked by dots.
    alphabet : str, optional
        The letters of the states; their numbers when left out.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Bright: mutations that cost; dark: those that gain.

    Raises
    ------
    EbmError
        Shapes that do not fit.

    Examples
    --------
    >>> ax = mutation_map([[0.0, 1.0], [-0.5, 0.0]], [0, 1], "AC")
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['A', 'C']
    """
    table = matrix(changes, "mutation_map: changes")
    n, q = table.shape
    if alphabet is not None and len(expect(alphabet, str, "alphabet", "letters such as '-ACGU'")) != q:
        raise EbmError(f"mutation_map: alphabet: expected {q} letters, got {len(alphabet)}")
    ax = new_axes(ax, (min(16.0, 2.4 + 0.11 * n), 1.6 + 0.17 * q))
    finite = np.abs(table[np.isfinite(table)])
    top = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    picture = ax.imshow(
        np.ma.masked_invalid(table.T), cmap=DIVERGING.with_extremes(bad="white"), vmin=-top, vmax=top,
        aspect="auto", interpolation="nearest",
    )  # fmt: skip
    letters = alphabet or [str(a) for a in range(q)]
    ax.set_yticks(range(q), list(letters), fontsize="small")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if sequence is not None:
        x = np.asarray(sequence)
        if x.shape != (n,) or not np.isin(x, range(q)).all():
            raise EbmError(
                f"mutation_map: sequence: expected {n} states from 0 to {q - 1}, got shape {x.shape}"
            )
        ax.scatter(np.arange(n), x, s=5, color="black", linewidth=0)
        if n <= _LETTERED and alphabet is not None:
            ax.set_xticks(range(n), [alphabet[int(a)] for a in x], fontsize="small")
    ax.set_xlabel("site")
    ax.set_ylabel("mutated to")
    ax.figure.colorbar(picture, ax=ax, pad=0.01, label="change of energy (nats)")
    return ax
