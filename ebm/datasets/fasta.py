"""Alignments in FASTA files: read letter by letter, and written."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_choice, as_count, as_numbers
from ebm.datasets.alignment import ALPHABETS, GAP, Alignment, alike, alphabet_of
from ebm.errors import EbmError, expect, nearest, short
from ebm.files import as_path, whole, write_atomic

__all__ = ["FASTA_SUFFIXES", "is_fasta", "read_fasta", "write_fasta"]

FASTA_SUFFIXES = (".fasta", ".fa", ".faa", ".fna", ".fas", ".afa", ".a2m", ".a3m")
_BAD, _UNKNOWN = (
    255,
    254,
)  # what stands for a character that is no letter, and for one that the alphabet lacks
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OTHERS = _LETTERS + "*?~"  # letters that an alphabet may lack: X is any, B is D or N, * ends a protein


def is_fasta(path: Path) -> bool:
    """Whether a file is one by its name; .gz after it does not matter."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return bool(suffixes) and (suffixes[-1] if suffixes[-1] != ".gz" else suffixes[-2:][0]) in FASTA_SUFFIXES


def read_fasta(
    path: str | Path,
    alphabet: str | None = None,
    *,
    insertions: str = "drop",
    unknown: str = "gap",
) -> Alignment:
    """Read an alignment from a FASTA file, plain or gzipped; a2m and a3m are FASTA, too.

    Parameters
    ----------
    path : str or Path
        The file; ``~`` is the home directory.
    alphabet : str, optional
        "protein", "rna" or "dna", or letters of your own, see `Alignment`. By the letters when left out: DNA
        where nearly all are A, C, G, T, RNA where they are A, C, G, U, else protein. T is read as the U of
        RNA, U as the T of DNA.
    insertions : {"drop", "keep"}
        Lower-case letters and dots are insertions beside the alignment, as in a3m, a2m and what HMMER
        writes: they are dropped. Where they are letters and gaps like others, keep them: they become
        upper-case letters and ``-``. Of an alphabet with lower-case letters, these are letters.
    unknown : {"gap", "refuse"}
        Letters that the alphabet lacks, such as X, B, Z or N, become gaps, or are refused.

    Returns
    -------
    Alignment
        Names are the whole lines after ``>``.

    Raises
    ------
    EbmError
        For a file that is missing, empty, no FASTA, damaged; sequences of different lengths; a character that
        is no letter: one line with the file, its line and the sequence.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "family.fasta"
    ...     _ = path.write_text(">one\\nAC-G\\n>two\\nACaaNG\\n")
    ...     read_fasta(path, "dna").sequences
    ['AC-G', 'AC-G']
    """
    file = as_path(path)
    insertions = as_choice(insertions, ("drop", "keep"), "insertions")
    unknown = as_choice(unknown, ("gap", "refuse"), "unknown")
    letters = None if alphabet is None else alphabet_of(alphabet)
    names, lines, found = _records(_bytes(file, str(path)), str(path))
    letters = letters or _guessed(found)
    drop = insertions == "drop" and not any(c.islower() for c in letters)
    table = _table(letters, fold=not any(c.islower() for c in letters))
    insertion = "".join(c for c in _LETTERS.lower() + "." if c not in letters).encode() if drop else b""
    rows = [row.translate(table, insertion) for row in found]
    _check_lengths(str(path), names, lines, found, rows, drop)
    states = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)
    bad = states == _BAD
    if unknown == "refuse" or GAP not in letters:
        bad = states >= _UNKNOWN
    if bad.any():
        i = int(bad.any(1).argmax())
        kept = bytes(c for c in found[i] if c not in insertion)
        character = chr(kept[int(bad[i].argmax())])
        other = "" if unknown == "gap" else "; unknown='gap' makes gaps of letters such as X"
        raise EbmError(
            f"{path}: line {lines[i]}, {short(names[i])}: {character!r} is none of {letters}{other}"
        )
    if GAP in letters:
        states = np.where(states == _UNKNOWN, np.uint8(letters.index(GAP)), states)
    return Alignment(states, names, letters)


def _bytes(file: Path, path: str) -> bytes:
    if file.is_dir():
        raise EbmError(f"{path}: is a directory; expected a FASTA file")
    if not file.exists():
        if not file.parent.is_dir():
            raise EbmError(f"{path}: no such file, and no such directory {str(file.parent)!r}")
        others = [f.name for f in file.parent.iterdir() if is_fasta(f)]
        hint = nearest(file.name, others) if 0 < len(others) < 20 else "expected a FASTA file"
        raise EbmError(f"{path}: no such file; {hint}")
    try:
        return whole(file)
    except (OSError, EOFError, zlib.error) as error:
        raise EbmError(f"{path}: truncated, damaged or not to be read ({error})") from None


def _records(data: bytes, path: str) -> tuple[list[str], list[int], list[bytes]]:
    """Names, the lines where they stand (from 1), and sequences, without spaces."""
    for mark in (b"\xff\xfe", b"\xfe\xff"):
        if data.startswith(mark):
            raise EbmError(f"{path}: is UTF-16; expected plain text, ASCII or UTF-8")
    names: list[str] = []
    lines: list[int] = []
    parts: list[list[bytes]] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if line.startswith(b">"):
            names.append(line[1:].strip().decode("utf-8", "replace"))
            lines.append(number)
            parts.append([])
        elif line and not line.isspace() and not line.startswith(b";"):
            if not parts:
                raise EbmError(f"{path}: line {number}: {_first(line)}; expected '>' and a name, as in FASTA")
            parts[-1].append(line)
    if not names:
        raise EbmError(f"{path}: is empty; expected '>', a name, and below it a sequence")
    return names, lines, [b"".join(b"".join(part).split()) for part in parts]


def _first(line: bytes) -> str:
    known = {b"# STOCKHOLM": "a Stockholm file", b"CLUSTAL": "a Clustal file", b"#NEXUS": "a Nexus file"}
    what = next((f"begins {name}" for mark, name in known.items() if line.startswith(mark)), None)
    return what or f"begins with {short(line[:20].decode('ascii', 'replace'))}"


def _guessed(found: list[bytes]) -> str:
    """The alphabet by the letters: nucleotides where nearly all are theirs."""
    counts = np.bincount(np.frombuffer(b"".join(found).upper(), np.uint8), minlength=256)
    letters = {c: int(counts[ord(c)]) for c in _LETTERS}
    total = sum(letters.values()) - letters["N"]
    if total and sum(letters[c] for c in "ACGTU") >= 0.9 * total:
        return ALPHABETS["rna" if letters["U"] > letters["T"] else "dna"]
    return ALPHABETS["protein"]


def _table(letters: str, fold: bool) -> bytes:
    """What each byte is: a place in the alphabet, or no letter of it."""
    table = bytearray([_BAD]) * 256
    for c in _OTHERS:
        table[ord(c)] = _UNKNOWN
    for c, other in [(c, c) for c in letters] + list(alike(letters).items()):
        table[ord(c)] = letters.index(other)
    if fold:
        for c in _LETTERS:
            table[ord(c.lower())] = table[ord(c)]
        if "." not in letters:
            table[ord(".")] = table[ord(GAP)]
    return bytes(table)


def _check_lengths(
    path: str, names: list[str], lines: list[int], found: list[bytes], rows: list[bytes], drop: bool
) -> None:
    """Sequences of one length: the alignment's."""
    empty = next((i for i, row in enumerate(rows) if not row), None)
    if empty is not None:
        what = "holds insertions only (lower case, dots)" if found[empty] else "has no sequence"
        more = "; insertions='keep' reads them as letters and gaps" if found[empty] else ""
        raise EbmError(f"{path}: line {lines[empty]}, {short(names[empty])}: {what}{more}")
    odd = next((i for i, row in enumerate(rows) if len(row) != len(rows[0])), None)
    if odd is None:
        return
    hint = "sequences have to be aligned"
    if drop and len({len(row) for row in found}) == 1:
        hint = f"all have {len(found[0])} with lower case and dots, which insertions='keep' keeps"
    where = f"{path}: line {lines[odd]}, {short(names[odd])}"
    sites = f"has {len(rows[odd])} sites; expected {len(rows[0])}, as the first"
    raise EbmError(f"{where}: {sites}: {hint}")


def write_fasta(
    path: str | Path, alignment: Alignment, *, energies: ArrayLike | None = None, width: int | None = None
) -> None:
    """Write an alignment to a FASTA file, whole or not at all.

    Parameters
    ----------
    path : str or Path
    alignment : Alignment
    energies : (M,) array, optional
        Of the sequences, nats, written after the names: ``>name energy=-12.5``.
    width : int, optional
        Letters in a line; all in one when left out.

    Raises
    ------
    EbmError
        Energies of another number.

    Examples
    --------
    >>> import tempfile, ebm
    >>> machine = ebm.BoltzmannMachine.random(ebm.Potts(5), 4, scale=1.0)
    >>> x = ebm.sample(machine, 2, seed=0).x
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_fasta(folder + "/new.fasta", Alignment(x, alphabet="rna"), energies=machine.energy(x))
    ...     family = read_fasta(folder + "/new.fasta", "rna")
    >>> bool((family.states == x).all()), family.names[0].startswith("0 energy=")
    (True, True)
    """
    expect(alignment, Alignment, "alignment", "an Alignment")
    names: list[str] = list(alignment.names)
    if energies is not None:
        values = as_numbers(energies, "energies", (len(names),))
        names = [f"{name} energy={value:.6g}" for name, value in zip(names, values, strict=True)]
    step = alignment.states.shape[1] if width is None else as_count(width, "width")
    text = "".join(
        f">{name}\n" + "".join(f"{row[k : k + step]}\n" for k in range(0, len(row), step))
        for name, row in zip(names, alignment.sequences, strict=True)
    )
    write_atomic(path, lambda file: file.write(text.encode()))
