"""ebm configs | new | schema: the configs that ship with the package, and how one of your own begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ebm.cli.shell import OPTIONAL_CONFIG, check_output, in_one_line, main
from ebm.errors import EbmError

if TYPE_CHECKING:
    from pathlib import Path

    from ebm.experiment.proposal import Kind

__all__ = ["configs", "new", "schema"]


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
@OPTIONAL_CONFIG
@click.option("--data", type=click.Path(), help="Your rows: a .csv, .npy or .npz that the config shall fit.")
@click.option("--labels", help="With --data: the column of what is to be predicted, by its name or number.")
@click.option("--key", help="With --data: the array to read from an .npz file.")
@click.option(
    "--kind", default="auto", type=click.Choice(["auto", "bernoulli", "ising", "gaussian", "potts"]),
    help="With --data: bits, spins of -1 and +1, reals, or categories 0, 1, ... [default: as it looks].",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(), help="A .toml file [default: named as CONFIG or data].")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@in_one_line
def new(
    config: str | None, data: str | None, output: str | None, overwrite: bool, kind: Kind, **given: str | None
) -> None:
    """Write a config to edit, with the meaning and the default of every key.

    CONFIG is one that ships with ebm, or a file. With --data a config is written that fits your rows:
    the kind of units, sizes, rates and epochs; its comments say why.

    \b
    Examples:
      ebm new digits
      ebm new digits -o mine.toml
      ebm new --data my.csv
      ebm new --data my.csv --labels species -o mine.toml
      ebm run mine.toml
    """
    if (config is None) == (data is None):
        raise EbmError("new: expected CONFIG, such as digits, or --data with a file of yours")
    if data is not None:
        output = _output(data, output, overwrite)
        from ebm.experiment.proposal import propose
        from ebm.experiment.template import template

        column = given["labels"]
        labels = int(column) if column is not None and _is_number(column) else column
        tables, said = propose(data, key=given["key"], labels=labels, kind=kind)
        _write(output, template(tables, [f"Written by ebm new for {data}.", *said]))
        return
    if kind != "auto" or any(given.values()):
        raise EbmError("new: --labels, --key and --kind go with --data")
    assert config is not None
    import tomllib

    from ebm.experiment.config import read_config
    from ebm.experiment.template import template
    from ebm.stock import about, find_config

    path = find_config(config)
    output = _output(path, output, overwrite)
    read_config(path)
    _write(output, template(tomllib.loads(path.read_text("utf-8-sig")), [about(path)]))


@main.command()
@click.option("-o", "--output", type=click.Path(), help="A .json file [default: on the screen].")
@in_one_line
def schema(output: str | None) -> None:
    """Print the JSON Schema of configs, by which editors complete and check them.

    \b
    Example:
      ebm schema -o ebm.schema.json
    In a config, for editors with Taplo (such as Even Better TOML of VS Code), a first line
      #:schema ./ebm.schema.json
    """
    import json

    from ebm.experiment.schema import schema
    from ebm.files import write_atomic

    check_output(output, (".json",))
    text = json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomic(output, lambda file: file.write(text.encode()))


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _output(source: str | Path, output: str | None, overwrite: bool) -> str:
    """Where to write; refused if that is no config, cannot be written, or is there."""
    from pathlib import Path

    output = f"{Path(source).stem}.toml" if output is None else output
    check_output(output, (".toml",))
    if Path(output).exists() and not overwrite:
        raise EbmError(f"{output}: is there already; use --overwrite, or another -o")
    return output


def _write(output: str, text: str) -> None:
    from ebm.files import write_atomic

    write_atomic(output, lambda file: file.write(text.encode()))
    click.echo(f"{output} is written; edit it, then: ebm run {output}")
