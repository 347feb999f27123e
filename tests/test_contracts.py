"""What one part promises another is a type: nothing is probed for, and no machine is `Any`."""

import ast
from pathlib import Path

import pytest

import ebm

ROOT = Path(ebm.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# What is asked for there is not of our own classes.
PROBES = {
    "deferred.py": "a product that was not computed yet answers as the array that it will be",
    "kernels/threads.py": "whether the operating system can fork",
    "kernels/numbers/functions.py": "numba's types of arrays, or of numbers",
    "kernels/numbers/random.py": "numba's types of arrays, or of numbers",
    "kernels/numbers/vector.py": "numba's types of arrays, or of numbers",
}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def probes(tree):
    """Lines that ask an object what it has: hasattr, getattr with a default or a written name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            written = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
            if node.func.id == "hasattr" or (node.func.id == "getattr" and (written or len(node.args) > 2)):
                yield node.lineno


def test_probes_are_found():
    found = probes(ast.parse("hasattr(a, 'b')\ngetattr(a, 'b', 0)\ngetattr(a, 'b')\ngetattr(a, name)"))
    assert list(found) == [1, 2, 3]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_probed_for(path):
    found = list(probes(ast.parse(path.read_text())))
    if name_of(path) not in PROBES:
        assert not found, f"{name_of(path)}: lines {found}: ask for an ability of ebm.machine by `require`"


def test_every_exception_is_needed():
    for name in PROBES:
        source = (ROOT / name).read_text()
        assert "hasattr(" in source or "getattr(" in source, name


@pytest.mark.parametrize("path", [p for p in FILES if "kernels" not in p.parts], ids=name_of)
def test_no_machine_is_anything(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.arg) and node.arg == "machine" and node.annotation is not None:
            assert ast.unparse(node.annotation) != "Any", f"{name_of(path)}: line {node.lineno}: machine: Any"
