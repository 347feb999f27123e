"""What a lesson is: text and tables to read, figures to look at, numbers to go on with."""

from __future__ import annotations

import base64
import html
import io
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.classroom.text import Bars, Grid, Table
from ebm.errors import printable
from ebm.files import as_path, write_atomic
from ebm.machine import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Lesson"]

_WIDTH = 100
_FRAME = 120  # milliseconds that a picture of a film stays


@dataclass(frozen=True, repr=False)
class Lesson:
    """One thing that a Boltzmann machine does, made visible.

    In a notebook it shows its text, tables and figures; ``print`` shows the text, with pictures made of
    letters.

    Attributes
    ----------
    name : str
        As of the function and of ``ebm teach``.
    title : str
    parts : tuple of str, Table, Bars or Grid
        Paragraphs and tables, in the order in which they are read.
    numbers : dict of str to float or ndarray
        What the tables and figures show, to compute with.
    drawings : dict of str to callable
        How each figure is drawn; `figures` has them drawn.
    films : dict of str to ndarray
        Grey pictures one after the other, (n_pictures, height, width) uint8.

    Examples
    --------
    >>> from ebm.classroom import hamiltonian
    >>> lesson = hamiltonian(n=3)
    >>> lesson
    Lesson(hamiltonian: 2 figures; 12 numbers)
    >>> len(lesson.numbers["p"])
    8
    """

    name: str
    title: str
    parts: tuple[str | Table | Bars | Grid, ...]
    numbers: dict[str, Any]
    drawings: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)
    films: Mapping[str, Array] = field(default_factory=dict)

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """The figures by name, drawn when they are first asked for."""
        return {name: draw() for name, draw in self.drawings.items()}

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write the text, the figures (PNG) and the films (GIF) into a folder, which is made.

        Returns
        -------
        list of Path
            The files.
        """
        from ebm.plots import save_figure

        place = as_path(folder)
        place.mkdir(parents=True, exist_ok=True)
        text = place / f"{self.name}.txt"
        write_atomic(text, lambda file: file.write(f"{self}\n".encode()))
        written = [text]
        for name, figure in self.figures.items():
            written.append(save_figure(figure, place / f"{name}.png"))
        for name, pictures in self.films.items():
            gif = place / f"{name}.gif"
            content = _gif(pictures)
            write_atomic(gif, lambda file, content=content: file.write(content))  # type: ignore[misc]
            written.append(gif)
        return written

    def __str__(self) -> str:
        lines = [self.title, "=" * len(self.title)]
        for part in self.parts:
            lines += ["", textwrap.fill(part, _WIDTH) if isinstance(part, str) else str(part)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        seen = [f"{len(self.drawings)} figures"] + [f"{len(self.films)} film"] * bool(self.films)
        return f"Lesson({self.name}: {', '.join(seen)}; {len(self.numbers)} numbers)"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(printable(str(self)))

    def _repr_html_(self) -> str:
        return "".join(self._html())

    def _html(self) -> Iterator[str]:
        yield f"<h3>{html.escape(self.title)}</h3>"
        for part in self.parts:
            yield f"<p>{html.escape(part)}</p>" if isinstance(part, str) else part._repr_html_()
        for name, figure in self.figures.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=100)
            yield _image(name, "png", buffer.getvalue())
        for name, pictures in self.films.items():
            yield _image(name, "gif", _gif(pictures))


def _image(name: str, kind: str, content: bytes) -> str:
    data = base64.b64encode(content).decode()
    return f'<img alt="{html.escape(name)}" src="data:image/{kind};base64,{data}"/>'


def _gif(pictures: Array) -> bytes:
    """An endless film; what it is made with, pillow, comes with matplotlib."""
    from PIL import Image

    first, *rest = (Image.fromarray(np.ascontiguousarray(picture)) for picture in pictures)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=_FRAME, loop=0)
    return buffer.getvalue()
