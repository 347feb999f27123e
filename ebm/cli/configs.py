"""ebm configs | new: the configs that ship with the package, and how one of your own begins."""

from __future__ import annotations

import click

from ebm.cli.shell import CONFIG, check_output, in_one_line, main
from ebm.errors import EbmError

__all__ = ["configs", "new"]


@main.command()
@in_one_line
def configs() -> None:
    """List the configs that ship with ebm, and what each does.

    \b
    Examples:
      ebm configs
      ebm run digits
    """
    from ebm.stock import about, stock_configs

    formatter = click.HelpFormatter(width=min(100, click.get_current_context().make_formatter().width))
    formatter.write_dl([(name, about(path)) for name, path in stock_configs().items()])
    click.echo(formatter.getvalue(), nl=False)


@main.command()
@CONFIG
@click.option("-o", "--output", type=click.Path(), help="The .toml file to write [default: CONFIG's name].")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@in_one_line
def new(config: str, output: str | None, overwrite: bool) -> None:
    """Write CONFIG, one that ships with ebm or a file, to edit: with all keys, meanings and defaults.

    \b
    Examples:
      ebm new digits
      ebm new digits -o mine.toml
      ebm run mine.toml
    """
    import tomllib

    from ebm.experiment.config import read_config
    from ebm.experiment.template import template
    from ebm.stock import about, find_config

    path = find_config(config)
    output = f"{path.stem}.toml" if output is None else output
    check_new(output, overwrite)
    read_config(path)
    _write(output, template(tomllib.loads(path.read_text("utf-8-sig")), [about(path)]))


def check_new(output: str, overwrite: bool) -> None:
    """Refuse a file that is no config, cannot be written, or is there."""
    from pathlib import Path

    check_output(output, (".toml",))
    if Path(output).exists() and not overwrite:
        raise EbmError(f"{output}: is there already; use --overwrite, or another -o")


def _write(output: str, text: str) -> None:
    from ebm.files import write_atomic

    write_atomic(output, lambda file: file.write(text.encode()))
    click.echo(f"{output} is written; edit it, then: ebm run {output}")
