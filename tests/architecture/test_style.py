"""What keeps the project readable: sizes, docstrings, types; and no traces of a machine."""

import ast
import re
import statistics
from collections.abc import Iterator

from tests.architecture.sources import ROOT
from tests.architecture.sources import FunctionNode
from tests.architecture.sources import Module
from tests.architecture.sources import all_modules
from tests.architecture.sources import functions
from tests.architecture.sources import imports
from tests.architecture.sources import project_files
from tests.architecture.sources import project_modules

LONGEST_MODULE = 300
MEDIAN_MODULE = 140
LONGEST_FUNCTION = 40

# Written in pieces, so that this file does not contain what it looks for.
TRACES = {
    "a machine path": r"(?<![\w.$}/])/("
    + "|".join(["ro" + "ot", "wo" + "rk", r"ho" + r"me/\w+"])
    + r")\b",
    "a registry host": "|".join(["py" + r"pi\.org", "pythonhosted" + r"\.org", "npm" + r"js\.org"]),
    "something left to do": r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b",
}


def lines_without_docstring(function: FunctionNode) -> int:
    length = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        length -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return length


def untyped(function: FunctionNode, *, is_method: bool) -> Iterator[str]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    bound = is_method and "staticmethod" not in map(ast.unparse, function.decorator_list)
    rest = [arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    for argument in [*named[bound:], *rest]:
        if argument is not None and argument.annotation is None:
            yield argument.arg
    if function.returns is None:
        yield "the result"


def is_method(function: FunctionNode, module: Module) -> bool:
    classes = (node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef))
    return any(function in node.body for node in classes)


def undocumented(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    """The public classes, functions and methods below `node` that say nothing of themselves."""
    for child in node.body:
        if not isinstance(child, FunctionNode | ast.ClassDef) or child.name.startswith("_"):
            continue
        decorators = {ast.unparse(decorator) for decorator in child.decorator_list}
        inherited = decorators & {"overload", "typing.overload"}
        if ast.get_docstring(child) is None and not inherited:
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, f"{prefix}{child.name}.")


def test_no_module_is_long() -> None:
    sizes = {module.path: len(module.text.splitlines()) for module in all_modules()}
    assert not {str(path): size for path, size in sizes.items() if size > LONGEST_MODULE}


def test_most_modules_fit_on_three_screens() -> None:
    sizes = [len(module.text.splitlines()) for module in project_modules()]
    assert len(sizes) >= 20
    assert statistics.median(sizes) <= MEDIAN_MODULE


def test_functions_fit_on_a_screen() -> None:
    sizes = {
        f"{module.path}: {name}": lines_without_docstring(function)
        for module in all_modules()
        for name, function in functions(module)
    }
    assert not {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION}


def test_signatures_are_typed() -> None:
    missing = {
        f"{module.path}: {name}": wrong
        for module in all_modules()
        for name, function in functions(module)
        if (wrong := [*untyped(function, is_method=is_method(function, module))])
    }
    assert not missing


def test_every_module_says_what_it_is() -> None:
    assert not [str(module.path) for module in all_modules() if not ast.get_docstring(module.tree)]


def test_public_names_have_docstrings() -> None:
    assert not [
        f"{module.path}: {name}"
        for module in project_modules()
        for name in undocumented(module.tree, "")
    ]


def test_keras_is_reached_through_tensorflow() -> None:
    assert not [
        f"{module.path} imports {name}"
        for module in all_modules()
        for name in imports(module)
        if name.split(".")[0] in {"keras", "tf_keras"}
    ]


def test_files_hold_no_traces_of_a_machine() -> None:
    found = []
    files = [path for path in project_files() if path.name != "requirements.lock"]
    assert len(files) >= 40
    for path in files:
        text = (ROOT / path).read_bytes().decode("utf-8", errors="ignore")
        for what, pattern in TRACES.items():
            found += [f"{path}: {what}: {match[0]}" for match in re.finditer(pattern, text)]
    assert not found


def test_lock_names_packages_and_hashes_only() -> None:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    package = re.compile(r"[a-zA-Z0-9_.-]+==[0-9][\w.+]* \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert not [
        line for line in lines if not package.fullmatch(line) and not digest.fullmatch(line)
    ]
    assert len([line for line in lines if package.fullmatch(line)]) > 200
