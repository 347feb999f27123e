"""What one part promises another is a type: nothing is probed for, and no machine is `Any`."""

import ast
import importlib
import io
import tokenize
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


# A literal and the number that a `prange` gives are types of their own: what is handed one is compiled again.

KERNELS = [path for path in FILES if "kernels" in path.parts]


def compiled(tree):
    """Names of the functions that numba compiles apart from those who call them."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if "shared" in decorators or "njit(**JIT)" in decorators:
                yield node.name


def compiled_again(tree, names, known):
    """Lines where compiled code hands a literal, or the number of a tile, to other compiled code.

    known : what names mean; a constant is a literal too.
    """
    for kernel in tree.body:
        if not isinstance(kernel, ast.FunctionDef) or not kernel.decorator_list:
            continue
        loops = [node for node in ast.walk(kernel) if isinstance(node, ast.For)]
        tiles = {loop.target.id for loop in loops if ast.unparse(loop.iter).startswith("prange(")}
        for node in ast.walk(kernel):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                for arg in node.args:
                    name = arg.id if isinstance(arg, ast.Name) else ""
                    value = arg.value if isinstance(arg, ast.Constant) else known.get(name)
                    if name in tiles or isinstance(value, int):  # floats have no literals
                        yield node.lineno


def test_code_that_is_compiled_again_is_found():
    kernel = "@shared\ndef f(x):\n    for t in prange(9):\n        "
    calls = {"g(t, x[t])": 1, "g(np.int64(t), x[t])": 0, "g(x, 0)": 1, "g(x, _ROWS)": 1, "h(t, 0)": 0}
    for call, n in calls.items():
        assert len(list(compiled_again(ast.parse(kernel + call), {"g"}, {"_ROWS": 4}))) == n, call


@pytest.mark.parametrize("path", KERNELS, ids=name_of)
def test_kernels_are_compiled_once_for_all_who_call_them(path):
    tree = ast.parse(path.read_text())
    names = set(compiled(tree))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ebm.kernels."):
            there = set(
                compiled(ast.parse((ROOT.parent / f"{node.module.replace('.', '/')}.py").read_text()))
            )
            names |= there & {alias.name for alias in node.names}
    module = importlib.import_module(".".join(path.relative_to(ROOT.parent).with_suffix("").parts))
    found = list(compiled_again(tree, names, vars(module)))
    assert not found, (
        f"{name_of(path)}: lines {found}: np.int64(...) around a literal or the number of a tile"
    )


# Files stay small.

LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines_of_code(text):
    """How many lines hold code: neither blank, nor a comment, nor of a docstring."""
    code, documented = set(), (ast.Module, ast.ClassDef, ast.FunctionDef)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            code.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(code)


def test_lines_of_code_are_counted():
    text = '"""One\ntwo."""\n\n# why\ndef f():\n    """Three."""\n    return """\n    """\n'
    assert lines_of_code(text) == 3


def test_no_file_has_more_than_400_lines_of_code():
    for folder in (ROOT, ROOT.parent / "tests", ROOT.parent / "experiments"):
        for path in folder.rglob("*.py"):
            text = path.read_text()
            if text.count("\n") > 400:
                assert lines_of_code(text) <= 400, f"{path}: a package of the same name, or another seam"
