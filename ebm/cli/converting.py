"""ebm convert | info: files of other programs, in and out, and what they are."""

from __future__ import annotations

from typing import Any

import click

from ebm.cli.shell import Setting, in_one_line, main
from ebm.errors import EbmError

__all__ = ["convert", "info"]


def _readable() -> str:
    from ebm.interchange import formats

    return f"One of: {', '.join(formats())}."


def _writable() -> str:
    from ebm.interchange import formats

    return f"One of: {', '.join(name for name, entry in formats().items() if entry.write is not None)}."


def _forms() -> str:
    from ebm.transforms import TRANSFORMS

    return f"One of: {', '.join(TRANSFORMS)}; numbers it takes behind a colon, as absorbed:beta=0.5."


@main.command()
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT", type=click.Path())
@click.option("--from", "source_format", cls=Setting, read=_readable, help="[default: by the content of IN]")
@click.option("--to", "target_format", cls=Setting, read=_writable, help="[default: by the name of OUT]")
@click.option("--as", "forms", multiple=True, cls=Setting, read=_forms, help="An exact change; repeatable.")
@click.option(
    "--set", "read_options", multiple=True, metavar="KEY=VALUE", help="An option of reading IN; repeatable."
)
@click.option(
    "--write", "write_options", multiple=True, metavar="KEY=VALUE", help="One of writing OUT; repeatable."
)
@in_one_line
def convert(
    source: str,
    target: str,
    source_format: str | None,
    target_format: str | None,
    forms: tuple[str, ...],
    read_options: tuple[str, ...],
    write_options: tuple[str, ...],
) -> None:
    """Write the machine in IN, of any format that is known, to OUT as another.

    A name that ends in .npz is a file of ebm. Names of units and a constant of the energy are kept where both
    formats have them. With --as the machine is another form of the same distribution; the constant by which
    log Z moves is said.

    \b
    Examples:
      ebm convert model.h5 model.npz
      ebm convert model.h5 early.npz --set update=100
      ebm convert model.npz model.h5 --to rbms
      ebm convert hopfield.npz couplings.npz --as fully_connected
    """
    from ebm.experiment.config import settings_given
    from ebm.interchange import format_to_read, format_to_write, read, read_named, write
    from ebm.interchange.machines import machine_in

    if target_format is None and target.endswith(".npz"):
        target_format = "ebm"
    entry, other = format_to_read(source, source_format), format_to_write(target, target_format)
    keeps = entry.named is not None and other.named is not None and not forms  # names and a constant
    found: Any = (read_named if keeps else read)(source, entry.name, **settings_given(read_options))
    moved = 0.0
    for form in forms:
        found, shift = _transformed(machine_in(found, source), form)
        moved += shift
    model = machine_in(found, source) if other.name != "ebm" or forms else found
    write(target, found if keeps else model, other.name, **settings_given(write_options))
    click.echo(f"{source} ({entry.name}) -> {target}: {model!r}")
    if forms:
        click.echo(
            f"log Z of what was given = log Z of what was written {'-+'[moved >= 0]} {abs(moved):.12g}"
        )


def _transformed(machine: object, form: str) -> tuple[Any, float]:
    """The machine of another form, and the constant between the two."""
    from ebm.arguments import as_choice
    from ebm.experiment.config import settings_given
    from ebm.interchange import check_options
    from ebm.transforms import TRANSFORMS

    name, _, given = form.partition(":")
    function = TRANSFORMS[as_choice(name, list(TRANSFORMS), "--as")]
    numbers = settings_given(given.split(",") if given else ())
    check_options(function, numbers, f"--as {name}")
    try:
        return function(machine, **numbers)
    except TypeError:  # a number that it needs
        raise EbmError(f"--as {form}: a number is missing; expected such as absorbed:beta=0.5") from None


@main.command()
@click.argument("file", type=click.Path())
@click.option("--from", "format", cls=Setting, read=_readable, help="[default: by the content of FILE]")
@click.option(
    "--set", "options", multiple=True, metavar="KEY=VALUE", help="An option of reading; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_one_line
def info(file: str, format: str | None, options: tuple[str, ...], as_json: bool) -> None:
    """Say what FILE is: format, type, units, sizes, energy, the numbers in it, where it is from.

    \b
    Examples:
      ebm info model.h5
      ebm info model.h5 --set update=100 --json
    """
    import json

    from ebm.experiment.config import settings_given
    from ebm.experiment.directory import finite
    from ebm.interchange.machines import described_file

    found = described_file(file, format, **settings_given(options))
    if as_json:
        click.echo(json.dumps(finite({"facts": found.facts, "arrays": found.arrays}), indent=1))
        return
    wide = max(map(len, found.facts))
    for name, value in found.facts.items():
        click.echo(f"{name:{wide}}  {value}")
    wide = max(map(len, found.arrays))
    for name, numbers in found.arrays.items():
        said = [f"{key} {v:.4g}" if isinstance(v, float) else f"{v:>12}" for key, v in numbers.items()]
        click.echo(f"{name:{wide}}  {', '.join(said)}")
