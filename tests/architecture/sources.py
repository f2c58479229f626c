"""The project's own files, read as text and syntax, never imported."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipeline", "components", "models", "data")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file.

    name: dotted, as it is imported
    path: relative to the root
    text: the source
    """

    name: str
    path: Path
    text: str

    @property
    def tree(self) -> ast.Module:
        """The file's syntax."""
        return _parse(self.text)

    @property
    def package(self) -> str:
        """The dotted package that a relative import starts from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def _module(path: Path) -> Module:
    relative = path.relative_to(ROOT)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, relative, path.read_text("utf-8"))


@cache
def project_modules() -> tuple[Module, ...]:
    """What users import: pipeline_runner.py and the four packages."""
    paths = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
    runner = ROOT / "pipeline_runner.py"
    return tuple(_module(path) for path in [runner, *paths] if path.is_file())


@cache
def all_modules() -> tuple[Module, ...]:
    """Every Python file of the project: also tests, benchmarks and setup.py."""
    others = [
        path for name in ("tests", "benchmarks") for path in sorted((ROOT / name).rglob("*.py"))
    ]
    return (*project_modules(), *(_module(path) for path in [ROOT / "setup.py", *others]))


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that is, or would be, under version control, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = (Path(name) for name in listed.stdout.split("\0") if name)
    return tuple(sorted(path for path in set(paths) if (ROOT / path).is_file()))


def imports(module: Module, *, only_on_import: bool = False) -> Iterator[str]:
    """The absolute dotted names a module imports.

    `from a import b` gives both `a` and `a.b`, as b may be a module. only_on_import leaves out what
    is imported inside a function or for type checkers only.
    """
    for node in _nodes(module.tree, only_on_import=only_on_import):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = module.package.split(".")
            base = ".".join([*start[: len(start) - node.level + 1], node.module or ""]).strip(".")
            source = base if node.level else node.module or ""
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _nodes(node: ast.AST, *, only_on_import: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        deferred = isinstance(child, FunctionNode | ast.Lambda) or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        if only_on_import and deferred:
            continue
        yield child
        yield from _nodes(child, only_on_import=only_on_import)


def functions(module: Module) -> Iterator[tuple[str, FunctionNode]]:
    """Every function and method with its dotted name inside the module, nested ones included."""
    yield from _functions(module.tree, "")


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, FunctionNode]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            yield prefix + child.name, child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def setup_literal(name: str) -> object:
    """The value of one of setup.py's constants, without running it."""
    for node in ast.parse((ROOT / "setup.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise KeyError(name)
