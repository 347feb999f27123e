"""Where residues are: structures from PDB files, contacts from lists, and which residue a site is."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from scipy.spatial.distance import cdist

from ebm.arguments import as_choice, as_count, as_number
from ebm.errors import EbmError, expect, nearest, short
from ebm.files import as_path, refuse_beyond_memory, whole
from ebm.machine import Array

__all__ = ["Structure", "align_sequences", "read_contacts", "read_pdb"]

_NAMES = (
    "ALA A ARG R ASN N ASP D CYS C GLN Q GLU E GLY G HIS H ILE I LEU L LYS K MET M MSE M PHE F PRO P SER S"
)
_MORE = "THR T TRP W TYR Y VAL V A A C C G G U U DA A DC C DG G DT T"
_LETTERS = dict(zip(*[iter(f"{_NAMES} {_MORE}".split())] * 2, strict=True))
_BETWEEN = ("heavy", "cb")
_MATCH, _MISMATCH, _OPEN, _EXTEND = 2.0, -1.0, -3.0, -0.2
_LONGEST = 20_000  # residues of a sequence that is aligned


_Atoms: TypeAlias = dict[str, tuple[str, tuple[float, float, float]]]  # by name: residue, place


@dataclass(frozen=True, eq=False)
class Structure:
    """Residues of a chain, and where their atoms are.

    Attributes
    ----------
    chain : str
    sequence : str
        One letter a residue, X where a residue is none of the usual.
    numbers : tuple of str
        Of the residues, as the file has them, with insertion codes: "184A".
    atoms : (n, 3) float64
        Coordinates of heavy atoms, Å, residue by residue.
    owners : (n,) int64
        The residue, from 0, that each atom belongs to.
    representative : (L,) int64
        The atom of each residue that stands for it: Cβ, else Cα (of nucleotides C1'), else its first.
    """

    chain: str
    sequence: str
    numbers: tuple[str, ...]
    atoms: Array
    owners: Array
    representative: Array

    def __repr__(self) -> str:
        return f"Structure(chain {self.chain}, {len(self.sequence)} residues, {len(self.atoms)} heavy atoms)"

    def distances(self, sequence: str | None = None, *, between: str = "heavy") -> Array:
        """Distances between residues, or between the sites of a sequence.

        Parameters
        ----------
        sequence : str, optional
            Of an alignment's sites, gaps among them. The residues that they are come from a global alignment.
        between : {"heavy", "cb"}
            The closest heavy atoms of two residues, or their Cβ (Cα of glycine).

        Returns
        -------
        (L, L) float64
            Å; NaN for sites without a residue in the structure.

        Raises
        ------
        EbmError
            A sequence that does not resemble that of the chain.
        """
        how = as_choice(between, _BETWEEN, "between")
        stand = self.atoms[self.representative]
        found: Array = _closest(self.atoms, self.owners) if how == "heavy" else cdist(stand, stand)
        if sequence is None:
            return found
        place = align_sequences(sequence, self.sequence)
        same = sum(sequence[i] == self.sequence[k] for i, k in enumerate(place) if k >= 0)
        if same < 0.3 * max(1, len(sequence.replace("-", ""))):
            what = f"agrees with chain {self.chain} at {same} of {len(sequence)} sites"
            raise EbmError(f"sequence: {what}; expected that of the structure, or a homologue")
        known = place >= 0
        apart = np.full((len(place), len(place)), np.nan)
        apart[np.ix_(known, known)] = found[np.ix_(place[known], place[known])]
        return apart


def _closest(atoms: Array, owners: Array) -> Array:
    """The least distance between atoms of two residues; a residue of one at a time, for the memory."""
    starts = np.searchsorted(owners, np.arange(owners[-1] + 1))
    ends = [*starts[1:].tolist(), len(owners)]
    return np.array(
        [
            np.minimum.reduceat(cdist(atoms[s:e], atoms).min(0), starts)
            for s, e in zip(starts.tolist(), ends, strict=True)
        ]
    )


def read_pdb(path: str | Path, chain: str | None = None) -> Structure:
    """Read a chain of a PDB file, plain or gzipped.

    The first model; of atoms with several places the first; no hydrogen; selenomethionine is a methionine.

    Parameters
    ----------
    path : str or Path
    chain : str, optional
        Its letter; the only or the longest one when left out.

    Returns
    -------
    Structure

    Raises
    ------
    EbmError
        A file that is missing or no PDB file; no such chain; a coordinate that is no number.

    References
    ----------
    wwPDB, "Protein Data Bank contents guide", version 3.3: ATOM.
    """
    file = as_path(path)
    chains: dict[str, dict[str, _Atoms]] = {}
    for number, line in enumerate(_text(file, str(path)).splitlines(), 1):
        if line.startswith("ENDMDL"):
            break
        if line.startswith("ATOM  ") or (line.startswith("HETATM") and line[17:20] == "MSE"):
            try:
                place = (float(line[30:38]), float(line[38:46]), float(line[46:54]))
            except ValueError:
                raise EbmError(f"{path}: line {number}: no coordinates in columns 31 to 54") from None
            atom, residue = line[12:16].strip(), line[22:27].strip()
            if not _is_hydrogen(line, atom):
                atoms = chains.setdefault(line[21], {}).setdefault(residue, {})
                atoms.setdefault(atom, (line[17:20].strip(), place))
    if not chains:
        cif = "; it is mmCIF: expected the PDB format" if file.suffix.lower() in (".cif", ".mmcif") else ""
        raise EbmError(f"{path}: holds no ATOM records{cif}")
    if chain is None:
        chain = max(chains, key=lambda c: len(chains[c]))
    expect(chain, str, "chain", "the letter of a chain")
    if chain not in chains:
        raise EbmError(f"{path}: has no chain {short(chain)}; {nearest(chain, chains)}")
    return _structure(chain, chains[chain])


def _is_hydrogen(line: str, atom: str) -> bool:
    element = line[76:78].strip()
    return (element or atom.lstrip("0123456789")[:1]) in ("H", "D")


def _structure(chain: str, residues: dict[str, _Atoms]) -> Structure:
    letters: list[str] = []
    places: list[tuple[float, float, float]] = []
    owners: list[int] = []
    stands: list[int] = []
    for k, atoms in enumerate(residues.values()):
        names = list(atoms)
        best = next((names.index(a) for a in ("CB", "CA", "C1'") if a in atoms), 0)
        stands.append(len(places) + best)
        letters.append(_LETTERS.get(atoms[names[0]][0], "X"))
        places += [place for _, place in atoms.values()]
        owners += [k] * len(atoms)
    return Structure(
        chain, "".join(letters), tuple(residues), np.array(places), np.array(owners), np.array(stands)
    )


def _text(file: Path, path: str) -> str:
    if not file.is_file():
        raise EbmError(f"{path}: no such file")
    try:
        return whole(file).decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error) as error:
        raise EbmError(f"{path}: truncated, damaged or not to be read ({error})") from None


def read_contacts(path: str | Path, n_sites: int, *, first: int = 1) -> Array:
    """Read a list of contacts: lines of ``i j`` or ``i j distance``, parted by spaces, tabs or commas.

    Parameters
    ----------
    path : str or Path
        Lines that begin with # are left out.
    n_sites : int
    first : int
        The number of the first site.

    Returns
    -------
    (n_sites, n_sites) float64
        Distances: those of the file, or 0 where it has none; inf for pairs that it lacks, NaN on the
        diagonal.

    Raises
    ------
    EbmError
        A line that is none of these; a number of no site.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "contacts.txt"
    ...     _ = path.write_text("1 2 3.5\\n1 3 9.1\\n")
    ...     read_contacts(path, 3)[0].tolist()
    [nan, 3.5, 9.1]
    """
    n, first = as_count(n_sites, "n_sites"), as_count(first, "first", 0)
    refuse_beyond_memory(8.0 * n**2, f"n_sites: distances of {n} sites", "fewer sites")
    found = np.full((n, n), np.inf)
    np.fill_diagonal(found, np.nan)
    for number, line in enumerate(_text(as_path(path), str(path)).removeprefix("\ufeff").splitlines(), 1):
        cells = line.replace(",", " ").split()
        if not cells or cells[0].startswith("#"):
            continue
        where = f"{path}: line {number}"
        try:
            i, j = int(cells[0]) - first, int(cells[1]) - first
            apart = float(cells[2]) if len(cells) > 2 else 0.0
        except (ValueError, IndexError):
            raise EbmError(f"{where}: {short(line[:40])}; expected i j, or i j distance") from None
        if not (0 <= i < n and 0 <= j < n) or i == j:
            last = first + n - 1
            raise EbmError(f"{where}: sites {cells[0]} and {cells[1]}; expected two from {first} to {last}")
        apart = as_number(apart, where, 0)
        found[i, j] = found[j, i] = min(apart, found[i, j])
    return found


def align_sequences(one: str, other: str) -> Array:
    """Which letters of another sequence those of one are: a global alignment with affine gaps, the ends free.

    Parameters
    ----------
    one, other : str
        ``-`` is aligned with nothing.

    Returns
    -------
    (len(one),) int64
        Places in `other`, −1 where there is none.

    Raises
    ------
    EbmError
        Sequences of more than 20 000 letters.

    References
    ----------
    Gotoh, "An improved algorithm for matching biological sequences" (1982).

    Examples
    --------
    >>> align_sequences("ACD-EFGH", "GGACDKEFG").tolist()
    [2, 3, 4, -1, 6, 7, 8, -1]
    """
    expect(one, str, "one", "a sequence of letters")
    expect(other, str, "other", "a sequence of letters")
    letters = [i for i, c in enumerate(one) if c != "-"]
    found = np.full(len(one), -1, np.int64)
    n, m = len(letters), len(other)
    if not n or not m:
        return found
    if max(n, m) > _LONGEST:
        raise EbmError(f"one: expected at most {_LONGEST} letters, got {max(n, m)}")
    refuse_beyond_memory(3.0 * n * m, "one: to align it", "shorter sequences")
    a = np.frombuffer("".join(one[i] for i in letters).encode("ascii", "replace"), np.uint8)
    b = np.frombuffer(other.encode("ascii", "replace"), np.uint8)
    for i, j in _path(a, b):
        found[letters[i]] = j
    return found


def _path(a: Array, b: Array) -> list[tuple[int, int]]:
    """Pairs of the best alignment, by rows: within one, gaps are a running maximum.

    It begins where one of the sequences has not begun, and ends where one is used up: what the other has
    there costs nothing. States: 0 a pair or the beginning, 1 a letter of a alone, 2 letters of b alone.
    came[s, i, j] is the state before.
    """
    n, m = len(a), len(b)
    low = -1e9
    came = np.zeros((3, n + 1, m + 1), np.int8)
    slide = _EXTEND * np.arange(m + 1)
    state = np.stack([np.zeros(m + 1), np.full(m + 1, low), np.full(m + 1, low)])
    ends = np.full((3, n + 1), low)
    ends[0, 0] = 0.0
    for i in range(1, n + 1):
        new = np.full((3, m + 1), low)
        new[0, 0] = 0.0
        best = state[:, :-1].argmax(0)
        new[0, 1:] = state[best, np.arange(m)] + np.where(b == a[i - 1], _MATCH, _MISMATCH)
        came[0, i, 1:] = best
        alone = state + np.array([_OPEN, _EXTEND, _OPEN])[:, None]
        came[1, i] = alone.argmax(0)
        new[1] = alone.max(0)
        reach = np.maximum.accumulate(new[0] - slide)
        new[2, 1:] = reach[:-1] + _OPEN + slide[:-1]
        came[2, i, 1:] = np.where(reach[:-1] <= (new[0] - slide)[:-1], 0, 2)
        state = new
        ends[:, i] = state[:, m]
    return _traced(came, ends, state)


def _traced(came: Array, ends: Array, last: Array) -> list[tuple[int, int]]:
    """Walk back from the best end: of b, for each letter of a, or of a, for each of b."""
    i, j = came.shape[1] - 1, came.shape[2] - 1
    if ends.max() > last.max():
        s, i = (int(k) for k in np.unravel_index(ends.argmax(), ends.shape))
    else:
        s, j = (int(k) for k in np.unravel_index(last.argmax(), last.shape))
    pairs: list[tuple[int, int]] = []
    while i > 0 and j > 0:
        before = int(came[s, i, j])
        if s == 0:
            pairs.append((i - 1, j - 1))
        i, j, s = i - (s != 2), j - (s != 1), before
    return pairs[::-1]
