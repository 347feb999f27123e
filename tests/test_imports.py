"""Imports go down only: the graph of the house, parsed from the source; and `import ebm` is light."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import ebm

ROOT = Path(ebm.__file__).parent
PUBLIC = ebm._public()  # the module of each public name
BOTTOM = {"arguments", "errors", "files", "notebook", "progress"}
UNITS = BOTTOM | {"kernels", "stream"}
MACHINE = UNITS | {"units"}
MACHINES = MACHINE | {"arrays", "gaps", "machine", "scratch", "states"}
METHODS = MACHINES | {"parts"}  # what samplers, partition, learning may use: the protocol, no machine
TRAINING = METHODS | {"samplers", "learning", "optimisers", "penalties", "partition"}
ALLOWED = {
    "errors": set(),
    "files": {"errors"},
    "notebook": set(),
    "progress": {"errors"},
    "kernels": BOTTOM,
    "stream": BOTTOM | {"kernels"},
    "arguments": {"errors"},
    "units": BOTTOM | {"kernels"},
    "arrays": MACHINE,
    "machine": MACHINE | {"arrays"},
    "states": MACHINE,
    "gaps": MACHINE | {"arrays", "machine", "states"},
    "scratch": MACHINE,
    "deferred": MACHINE,
    "logsum": MACHINE,
    "nonzeros": MACHINES,
    "bits": MACHINE | {"deferred"},
    "graph": MACHINES,
    "elimination": MACHINES | {"graph"},
    "boltzmann": MACHINES | {"bits", "graph", "logsum"},
    "rbm": MACHINES | {"bits", "deferred", "graph", "logsum", "nonzeros"},
    "samplers": METHODS | {"diagnostics", "graph", "elimination"},
    "partition": METHODS | {"samplers", "graph", "elimination", "diagnostics"},
    "conditional": MACHINES,
    "scores": METHODS | {"partition"},
    "thermal": METHODS | {"samplers", "partition", "diagnostics"},
    "parts": MACHINES,
    "optimisers": METHODS | {"deferred"},
    "penalties": METHODS | {"optimisers"},
    "learning": METHODS | {"samplers", "partition", "graph"},
    "rows": METHODS,
    "imputation": METHODS,
    "maximum": METHODS | {"penalties"},
    "selection": METHODS | {"learning", "partition", "scores"},
    "training": TRAINING | {"rows", "selection"},
    "network": TRAINING | {"nonzeros", "training", "deferred", "rows", "selection"},
    "deep": TRAINING | {"training", "network", "rbm", "graph", "elimination"},
    "table": TRAINING | {"training", "rbm", "conditional", "datasets", "maximum", "gaps", "imputation"},
    "checkpoint": TRAINING
    | {"training", "selection", "network", "boltzmann", "rbm", "deep", "estimators", "table"},
    "gauges": METHODS | {"boltzmann", "rbm"},
    "checkup": TRAINING | {"training", "scores", "diagnostics", "plots"},
    "transforms": METHODS | {"boltzmann", "gauges", "rbm"},
    "ratings": METHODS | {"learning", "rbm"},
    "series": METHODS | {"rbm"},
    "inverse": METHODS
    | {"boltzmann", "datasets", "gauges", "graph", "maximum", "penalties", "plots", "samplers"},
    "estimators": TRAINING
    | {
        "training",
        "network",
        "boltzmann",
        "rbm",
        "conditional",
        "imputation",
        "ratings",
        "scores",
        "selection",
        "deep",
        "inverse",
    },
    "interchange": TRAINING
    | {
        "boltzmann",
        "checkpoint",
        "datasets",
        "deep",
        "elimination",
        "estimators",
        "gauges",
        "graph",
        "network",
        "rbm",
        "table",
        "training",
        "transforms",
    },
    "testing": TRAINING | {"training", "boltzmann", "rbm", "checkpoint"},
    "baselines": BOTTOM,
    "datasets": BOTTOM,
    "diagnostics": BOTTOM,
    "plots": BOTTOM,
    "stock": {"errors"},
}
LEVELS_BELOW_EXPERIMENT = set(ALLOWED)
ALLOWED["experiment"] = LEVELS_BELOW_EXPERIMENT
ALLOWED["classroom"] = LEVELS_BELOW_EXPERIMENT
ALLOWED["cli"] = LEVELS_BELOW_EXPERIMENT | {"experiment", "classroom"}
ALLOWED["__main__"] = {"cli"}


def part_of(name):
    """The top-level module of the package that `ebm.x.y` belongs to."""
    return name.split(".")[1] if name.startswith("ebm.") else ""


def imported(path, package):
    """Names of the package's modules that a file imports, anywhere in it; for `ebm` itself, the name used."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.split(".")[0] == "ebm"}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            if base == "ebm":
                found |= {PUBLIC.get(a.name, f"ebm.{a.name}") for a in node.names if a.name != "__version__"}
            elif base.split(".")[0] == "ebm":
                found.add(base)
    return found


def public_in(path):
    """The names that a file adds to those of `ebm`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join(["ebm", *(parts[:-1] if parts[-1] == "__init__" else parts)])
    adds = module in PUBLIC.values() and PUBLIC.get(parts[0]) != module
    return set(importlib.import_module(module).__all__) if adds else set()


FILES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    own = parts[0]
    assert own in ALLOWED, f"{own} has no place in the house: give it one in ALLOWED and in DESIGN.md"
    package = ".".join(["ebm", *parts[:-1]])
    for name in imported(path, package):
        used = part_of(name)
        assert used == own or used in ALLOWED[own], f"{'/'.join(parts)} imports {name}"


def test_the_graph_has_no_cycle():
    """The allowed imports themselves go down: they can be ordered."""
    left = {k: v & set(ALLOWED) for k, v in ALLOWED.items()}
    while left:
        free = [k for k, v in left.items() if not v & set(left)]
        assert free, left
        for k in free:
            del left[k]


def test_samplers_and_rules_meet_machines_only_through_the_protocol():
    for name in ("samplers", "partition", "scores", "learning", "training", "optimisers"):
        files = [p for p in FILES if p.relative_to(ROOT).with_suffix("").parts[0] == name]
        assert files
        for path in files:
            assert not {"boltzmann", "rbm"} & {part_of(n) for n in imported(path, "ebm")}, path


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_import_ebm_loads_nothing_heavy():
    heavy = ("numpy", "numba", "scipy", "pydantic", "matplotlib", "sklearn", "llvmlite", "rich", "click")
    assert run(f"import sys, ebm; print(*[m for m in {heavy} if m in sys.modules])") == []


def test_machines_load_neither_plots_nor_scikit_learn():
    code = "import sys, ebm; ebm.RBM, ebm.fit, ebm.sample; print(*[m for m in {} if m in sys.modules])"
    assert run(code.format(("matplotlib", "sklearn"))) == []


def test_every_public_name_exists_and_nothing_else_is_listed():
    assert dir(ebm) == sorted(ebm.__all__)
    for name in ebm.__all__:
        assert getattr(ebm, name) is not None
    listed = [name for path in FILES for name in public_in(path)]
    assert len(listed) == len(set(listed)), "public twice"
    with pytest.raises(AttributeError, match="nonsense"):
        ebm.nonsense  # noqa: B018


def test_there_are_no_drawers_for_odds_and_ends():
    names = {p.stem for p in ROOT.rglob("*.py")} | {p.name for p in ROOT.rglob("*") if p.is_dir()}
    assert not names & {"utils", "helpers", "core", "callbacks", "base", "common", "misc"}


def test_nothing_compiled_outside_kernels():
    for path in FILES:
        if "kernels" not in path.parts:
            text = path.read_text()
            assert "import numba" not in text, path
            assert "from numba" not in text, path


def test_no_global_generator_and_no_pickle():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
                assert not {"pickle", "random", "joblib", "dill"} & set(names), path
