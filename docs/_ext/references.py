"""References that are read from the package: configs, commands, the public names."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from typing import Any

import click
from sources import write

import ebm
from ebm.cli import main
from ebm.experiment.calls import Table, tables_of, written
from ebm.experiment.config import NEEDED, TABLES
from ebm.experiment.meanings import meanings, summary
from ebm.stock import about, stock_configs


def plain(text: str) -> str:
    """Text as Markdown shows it unchanged, in one line; between backticks it is code already."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    for k in range(0, len(parts), 2):
        parts[k] = re.sub(r"([\\*_\[\]$])", r"\\\1", parts[k]).replace("<", "&lt;")
    return "".join(parts).replace("|", "\\|")


def rows(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> list[str]:
    """A table of Markdown."""
    return ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head),
            *("| " + " | ".join(line) + " |" for line in lines), ""]  # fmt: skip


def configs(app: Any) -> None:
    """A page a table of a config, and one of all that may stand within them."""
    inner: dict[str, Table] = {}
    for name, choices in TABLES.items():
        text = [f"# [{name}]", ""]
        if needs := NEEDED.get(name):
            text += ["Needs " + ", ".join(f"`[{n}]`" for n in needs) + " in the same config.", ""]
        if len(choices) > 1:
            kinds = ", ".join(f"[{kind}](#{kind.lower()})" for kind in sorted(choices))
            text += [f"`type` is one of: {kinds}.", ""]
        for kind, made in sorted(choices.items()):
            text += _table(kind, made, inner, alone=len(choices) == 1)
        write(f"generated/config/{name}", "\n".join(text) + "\n")
    text = ["# Values that are tables", "", "What may stand where a key asks for a table with a `type`.", ""]
    seen: set[str] = set()
    while left := sorted(inner.keys() - seen):  # what stands in them is found on the way
        seen |= set(left)
        for kind in left:
            _table(kind, inner[kind], inner, alone=False)
    for kind in sorted(inner):
        text += _table(kind, inner[kind], inner, alone=False)
    write("generated/config/values", "\n".join(text) + "\n")
    shipped = [(f"`{name}`", plain(about(path))) for name, path in stock_configs().items()]
    index = [
        "# Config reference", "",
        "A config is a TOML file. Each of its tables calls something of the package: its keys are the",
        "parameters, with the same names, defaults and checks. These pages are read from there. In a shell,",
        "`ebm new digits` writes a config with every key explained, `ebm check mine.toml` says what a run",
        "would do, and `ebm schema` writes a schema by which editors complete and check.", "",
        "A value that is a table names its class by `type`:",
        "`rate = { type = \"Linear\", start = 0.3, stop = 0.0, epochs = 200 }`.", "",
        "## Configs that ship", *rows(("name", "what it does"), shipped),
        "## Tables", "", "```{toctree}", ":maxdepth: 1", "", *TABLES, "values", "```", "",
    ]  # fmt: skip
    write("generated/config/index", "\n".join(index))


def _table(kind: str, made: Table, inner: dict[str, Table], alone: bool) -> list[str]:
    text = [] if alone else [f"## {kind}", ""]
    text += [plain(summary(made.function)), ""]
    if made.methods:
        text += ["Methods, each with its own keys below:", ""]
        text += [f"- `{name}`: {plain(summary(how))}" for name, how in made.methods.items()] + [""]
    every: Mapping[str, Any] = {"method": ""} if made.methods else {}
    said = meanings(made, every)
    lines = []
    for key, (hint, default) in made.parameters(every).items():
        choices = tables_of(hint)
        inner.update(choices)
        about_it = plain(": ".join(filter(None, said.get(key, ()))))
        if choices:
            named = ", ".join(f"[{name}](values.md#{name.lower()})" for name in sorted(choices))
            about_it += f" One of: {named}."
        lines.append((f"`{key}`", _default(default), about_it or "–"))
    return text + (rows(("key", "default", "meaning"), lines) if lines else ["It has no keys.", ""])


def _default(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return "*needed*"
    if default is None or default == ():
        return "–"
    value = written(default)
    if isinstance(value, dict):
        inside = ", ".join(f"{k}={v!r}" for k, v in value.items() if k != "type")
        return f"`{value['type']}({inside})`".replace("|", "\\|")
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def commands(app: Any) -> None:
    """One page of all commands."""
    context = click.Context(main, info_name="ebm")
    text = ["# Command reference", "",
            "`ebm COMMAND --help` says the same. Exit codes: 0 when what was asked was done, 1 with one line",
            "of reason when it could not be, 2 for a wrong command line, 130 after Ctrl-C.", ""]  # fmt: skip
    text += _listed(main, context)
    for name in main.list_commands(context):
        text += _command(main, name, context)
    write("generated/commands", "\n".join(text) + "\n")


def _listed(group: click.Group, context: click.Context) -> list[str]:
    """The commands of a group, each in a line."""
    lines = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        path = f"{context.command_path} {name}"
        lines.append((f"[{path}](#{path.replace(' ', '-')})", plain(command.get_short_help_str(200))))
    return rows(("command", "what it does"), lines)


def _command(group: click.Group, name: str, context: click.Context) -> list[str]:
    """What a command takes; of a group also its commands."""
    command = group.get_command(context, name)
    assert command is not None
    within = click.Context(command, info_name=name, parent=context)
    path = within.command_path
    usage = " ".join([path, *command.collect_usage_pieces(within)])
    text = [f"{'#' * len(path.split())} {path}", "", "```text", usage, "```", "", *_help(command.help or "")]
    options = []
    for parameter in command.get_params(within):
        record = parameter.get_help_record(within)
        if record is not None and "--help" not in record[0]:
            options.append((f"`{record[0]}`".replace("|", "\\|"), plain(record[1])))
    text += rows(("option", "meaning"), options) if options else []
    if isinstance(command, click.Group):
        text += _listed(command, within)
        for inner in command.list_commands(within):
            text += _command(command, inner, within)
    return text


def _help(text: str) -> list[str]:
    """Paragraphs of a help text; those that click keeps as they are written are code."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("\b\n"):
            lines += [plain(paragraph), ""]
            continue
        head, *rest = paragraph[2:].split("\n")
        if re.match(r"Examples?:", head):
            lines += [f"{head}", ""]
        else:
            rest = [head, *rest]
        lines += ["```text", *inspect.cleandoc("\n".join(["", *rest])).strip("\n").split("\n"), "```", ""]
    return lines


_PARTS = {
    "Machines": [
        "units",
        "boltzmann",
        "rbm",
        "deep",
        "machine",
        "graph",
        "gauges",
        "conditional",
        "transforms",
    ],
    "Learning": ["training", "learning", "optimisers", "penalties", "selection", "maximum", "inverse"],
    "Sampling": ["samplers", "thermal", "elimination", "diagnostics", "checkup"],
    "Scores": ["partition", "scores", "baselines"],
    "Prediction and tables": ["network", "estimators", "table", "imputation", "series"],
    "Data, files, figures": ["datasets", "checkpoint", "interchange", "plots", "classroom"],
}  # what is in none of them comes last


def api(app: Any) -> None:
    """A page for each module of public names."""
    modules: dict[str, list[str]] = {}
    for name, place in sorted(ebm._public().items()):
        if place == f"ebm.{name}":  # a public module: its own names
            modules[place] = list(importlib.import_module(place).__all__)
        elif place not in modules or name not in modules[place]:
            modules.setdefault(place, []).append(name)
    public = {f"ebm.{name}" for name in ebm._public()}
    left = {place.removeprefix("ebm.") for place in modules}
    groups = {title: [m for m in names if m in left] for title, names in _PARTS.items()}
    groups["For those who add parts"] = sorted(left - {m for names in groups.values() for m in names})
    index = [
        "# API",
        "",
        "Every public name, from the docstrings. Names without a module are `ebm.NAME`.",
        "",
    ]
    for title, names in groups.items():
        index += [f"## {title}", ""]
        lines = [(f"[{m}]({m}.md)", plain(_first(importlib.import_module(f"ebm.{m}")))) for m in names]
        index += rows(("part", "what it is"), lines)
    index += ["```{toctree}", ":hidden:", "", *(m for names in groups.values() for m in names), "```", ""]
    write("generated/api/index", "\n".join(index))
    for place, names in modules.items():
        _module(place, names, place in public)


def _module(place: str, names: list[str], itself: bool) -> None:
    module = importlib.import_module(place)
    where = place if itself else "ebm"
    title = place if itself else place.removeprefix("ebm.")
    how = "a public module" if itself else "all of them `ebm.NAME`"
    text = [
        f"# {title}",
        "",
        f"{plain(_first(module))} {'Names of `' + place + '`' if itself else 'Names'}, {how}.",
        "",
    ]
    lines = [(f"[{name}](#{where}.{name})", plain(_first(getattr(module, name)))) for name in sorted(names)]
    text += [*rows(("name", "what it is"), lines), "```{eval-rst}", f".. currentmodule:: {where}", ""]
    for name in sorted(names):
        thing = getattr(module, name)
        kind = "class" if inspect.isclass(thing) else "function" if callable(thing) else "data"
        if kind == "class" and issubclass(thing, BaseException):
            kind = "exception"
        text += [f".. auto{kind}:: {name}", *(["   :members:"] if kind == "class" else []), ""]
    write(f"generated/api/{place.removeprefix('ebm.')}", "\n".join([*text, "```", ""]))


def _first(thing: Any) -> str:
    """The first paragraph of a docstring; of what has none of its own, nothing."""
    if isinstance(thing, (dict, list, tuple, str)):
        return "A registry: what is known, by name." if isinstance(thing, dict) else "A constant."
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("``", "`")


_APART = re.compile(r"(``.+?``|`[^`]*`)")


def escaped(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: |J| and coef_ in them mean what they say, and are no references."""
    in_doctest = False
    for k, line in enumerate(lines):
        in_doctest = line.strip() != "" and (in_doctest or line.lstrip().startswith(">>>"))
        if in_doctest or line.lstrip().startswith((":", "..", "=")):
            continue
        parts = _APART.split(line)
        parts[::2] = [re.sub(r"\|", r"\\|", re.sub(r"(?<=\w)_(?!\w)", r"\\_", part)) for part in parts[::2]]
        lines[k] = "".join(parts)


def skipped(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what scikit-learn puts into every estimator for the routing of metadata."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Any) -> dict[str, Any]:
    """What Sphinx calls."""
    for reference in (configs, commands, api):
        app.connect("builder-inited", reference, priority=400)
    app.connect("autodoc-process-docstring", escaped, priority=900)  # after numpydoc
    app.connect("autodoc-skip-member", skipped)
    return {"version": "1"}
