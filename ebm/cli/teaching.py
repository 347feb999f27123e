"""ebm teach: lessons on small machines, each a command of its own with a few numbers to play with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ebm.cli.shell import in_one_line, main
from ebm.errors import EbmError, nearest

if TYPE_CHECKING:
    from ebm.classroom import Lesson

__all__ = ["teach"]


class Lessons(click.Group):
    """A command for each lesson, whose options are the arguments of its function."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the lessons, in the order of a lecture."""
        from ebm.classroom import LESSONS

        return [_command_of(name) for name in LESSONS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a lesson, or one line that there is none."""
        from ebm.classroom import LESSONS

        made = LESSONS.get(cmd_name.replace("-", "_"))
        if made is None:
            raise click.UsageError(
                f"unknown lesson {cmd_name!r}; {nearest(cmd_name, self.list_commands(ctx))}"
            )
        return _lesson(_command_of(made.__name__), made)


def _command_of(name: str) -> str:
    return name.replace("_", "-")


def _lesson(name: str, made: Callable[..., Lesson]) -> click.Command:
    from ebm.experiment.meanings import parameters, summary

    meant = parameters(made)
    options: list[click.Parameter] = [
        click.Option(
            [f"--{_command_of(key)}"],
            type=float if isinstance(parameter.default, float) else int,
            default=parameter.default,
            show_default=True,
            help=meant[key].text if key in meant else "",
        )
        for key, parameter in inspect.signature(made).parameters.items()
    ]
    options += [
        click.Option(["-o", "--out"], type=click.Path(), help=f"Folder [default: lessons/{name}]."),
        click.Option(["--text"], is_flag=True, help="Print only; write no pictures."),
    ]

    @in_one_line
    def teach_it(out: str | None, text: bool, **given: Any) -> None:
        if text and out is not None:
            raise EbmError("--text: writes nothing; expected it without --out")
        lesson = made(**given)
        click.echo(str(lesson))
        if not text:
            folder = f"lessons/{name}" if out is None else out
            files = lesson.save(folder)
            click.echo(f"\nIn {folder}: {', '.join(file.name for file in files)}")

    return click.Command(name, callback=teach_it, params=options, help=summary(made))


@main.group(cls=Lessons, invoke_without_command=True, subcommand_metavar="[LESSON] [OPTIONS]")
@click.pass_context
def teach(ctx: click.Context) -> None:
    """Show what small machines do, in text and pictures; without LESSON, list what there is.

    \b
    Examples:
      ebm teach
      ebm teach gibbs
      ebm teach gibbs --help
      ebm teach gradient --k 3 --text
      ebm teach encoder --n 4 --n-hidden 2 -o encoder
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
