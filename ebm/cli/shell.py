"""What all commands share: one line for a refusal, exit codes, checks of options."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ebm import __version__
from ebm.errors import EbmError

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "CONFIG",
    "OPTIONAL_CONFIG",
    "OVERRIDES",
    "Setting",
    "check_output",
    "in_one_line",
    "main",
    "seconds_of",
    "warn",
    "write_rows",
]


def in_one_line(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn refusals and interruptions into one line and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):  # a terminal without Unicode loses letters, not the run
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        try:
            return command(*args, **kwargs)
        except EbmError as error:
            message = str(error)
        except BrokenPipeError:  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            message = f"{name}{error.strerror or error}"
        except MemoryError as error:
            message = f"out of memory{f': {error}' if str(error) else ''}"
        except (ValueError, OverflowError, RecursionError) as error:  # a refusal we did not foresee
            message = f"{type(error).__name__}: {error}"
        click.echo(f"ebm: {' '.join(message.split())}", err=True)
        sys.exit(1)

    return wrapped


class ConfigName(click.Path):
    """A config: a file, or the name of one that ships with the package."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names that begin so; files where there are none."""
        from ebm.stock import about, stock_configs

        named = [
            CompletionItem(name, help=about(path))
            for name, path in stock_configs().items()
            if name.startswith(incomplete)
        ]
        return [CompletionItem(incomplete, type="file"), *named]


CONFIG = click.argument("config", type=ConfigName())
OPTIONAL_CONFIG = click.argument("config", type=ConfigName(), required=False)


class Override(click.ParamType):
    """A setting, ``table.key=value``."""

    name = "setting"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The settings that the config on the line has, as itself or behind the mark of a default."""
        from ebm.stock import find_config, settings_in

        # click has read no arguments where the line ends with an option that wants its value
        given = [name for name in (ctx.params.get("config"), *ctx.args) if name]
        try:
            known = [name for config in given[:1] for name in settings_in(find_config(config))]
        except (EbmError, OSError, UnicodeDecodeError):  # there is none, or none that reads
            return []
        return [CompletionItem(f"{name}=") for name in known if name.startswith(incomplete)]


OVERRIDES = click.option(
    "--set", "overrides", multiple=True, type=Override(), metavar="TABLE.KEY=VALUE",
    help="Override a setting; repeatable.",
)  # fmt: skip


class Setting(click.Option):
    """An option whose help is read from what it names (by `read`), when somebody asks for help."""

    def __init__(self, *args: Any, read: Callable[[], str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read = read

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option and its help."""
        self.help = " ".join(filter(None, (self.help, self._read())))
        return super().get_help_record(ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ebm")
def main() -> None:
    """Boltzmann machines: train, sample, score and plot from the command line.

    \b
    Examples:
      ebm configs
      ebm run digits
      ebm run digits --set machine.n_hidden=16 --out runs/small
      ebm new digits -o mine.toml
      ebm resume runs/digits
      ebm sweep digits --grid machine.n_hidden=16,64 --grid train.seed=0:5
      ebm compare sweeps/digits
      ebm sample runs/digits/model.npz -n 1000 -o samples.npy
      ebm score runs/digits/model.npz mine.csv
      ebm predict classifier.npz mine.csv
    """


def check_output(output: str | None, suffixes: tuple[str, ...]) -> None:
    """Refuse a file that cannot be written before any work is done for it."""
    from pathlib import Path

    if output is None:
        return
    path = Path(output)
    if path.suffix not in suffixes:
        raise EbmError(f"{output}: unknown file type; expected {', '.join(suffixes)}")
    if path.is_dir():
        raise EbmError(f"{output}: a directory; expected a file")
    if not path.parent.is_dir():
        raise EbmError(f"{output}: no such folder {path.parent}")


def write_rows(rows: np.ndarray, output: str | None, header: str = "") -> None:
    """Write rows as .npy, as .csv, or as csv on the screen."""
    import numpy as np

    from ebm.files import write_atomic

    if output is not None and output.endswith(".npy"):
        write_atomic(output, lambda file: np.save(file, rows, allow_pickle=False))
        return
    text, fmt = io.StringIO(), "%.8g" if rows.dtype.kind == "f" else "%s"
    np.savetxt(text, rows, fmt=fmt, delimiter=",", header=header, comments="")
    if output is None:
        click.echo(text.getvalue(), nl=False)
    else:
        write_atomic(output, lambda file: file.write(text.getvalue().encode()))


def warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say a warning in one line on standard error."""
    click.echo(f"ebm: warning: {message}", err=True)


def seconds_of(text: str) -> float:
    """90, 90s, 5m or 1h as seconds."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise EbmError(f"--budget {text}: expected a time such as 90s, 5m or 1h")
    return seconds
