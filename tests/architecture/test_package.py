"""The wheel is built and used away from the checkout, as a user would."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES
from tests.architecture.sources import ROOT
from tests.architecture.sources import Module
from tests.architecture.sources import all_modules
from tests.architecture.sources import imports
from tests.architecture.sources import project_files
from tests.architecture.sources import project_modules
from tests.architecture.sources import setup_literal

OWN = {"pipeline_runner", "tests", "benchmarks", *PACKAGES}


def run(
    command: Sequence[str | Path], folder: Path, search: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command in `folder`, with `search` as the only addition to the search path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if search:
        environment["PYTHONPATH"] = str(search)
    return subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that neither leftovers nor the checkout play a part."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for path in project_files():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, source / path)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    ran = run([*pip, "--wheel-dir", built, source], built)
    assert ran.returncode == 0, ran.stderr
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed into, without its dependencies."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "-q"]
    ran = run([*pip, "--target", folder, wheel], folder)
    assert ran.returncode == 0, ran.stderr
    return folder


def test_setup_lists_every_package() -> None:
    """A new folder of modules that is not listed would be missing from the wheel."""
    listed = setup_literal("PACKAGES")
    assert isinstance(listed, tuple)
    needed = {module.package for module in project_modules() if module.package}
    assert needed <= {*listed}


def test_wheel_holds_every_module_and_configuration(wheel: Path) -> None:
    assert wheel.name == "ranking_pipelines-0.1.0-py3-none-any.whl"
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = {str(module.path) for module in project_modules()}
    configurations = {str(p.relative_to(ROOT)) for p in (ROOT / "pipeline/configs").glob("*.toml")}
    templates = {str(p.relative_to(ROOT)) for p in (ROOT / "components").glob("*/templates/*")}
    assert configurations
    assert templates
    assert names == modules | configurations | templates


def test_wheel_says_what_it_is(site: Path) -> None:
    (found,) = importlib.metadata.distributions(path=[str(site)])
    assert found.metadata["Name"] == "ranking-pipelines"
    assert found.metadata["Requires-Python"] == "==3.10.*"
    assert "Apache-2.0" in (found.metadata["License-Expression"] or found.metadata["License"])
    assert any(path.name == "LICENSE" for path in found.files or ())
    (entry,) = (e for e in found.entry_points if e.group == "console_scripts")
    assert (entry.name, entry.value) == ("ranking-pipelines", "pipeline_runner:main")


def test_installed_packages_import_from_anywhere(site: Path, tmp_path: Path) -> None:
    names = ["pipeline_runner", *PACKAGES]
    code = f"import {', '.join(names)}\nfor m in ({', '.join(names)}): print(m.__file__)"
    ran = run([sys.executable, "-c", code], tmp_path, site)
    assert ran.returncode == 0, ran.stderr
    assert all(Path(line).is_relative_to(site) for line in ran.stdout.splitlines())


def test_installed_command_is_the_runner(site: Path, tmp_path: Path) -> None:
    """`ranking-pipelines` and `python pipeline_runner.py` are one command line."""
    installed = run([site / "bin" / "ranking-pipelines", "--help"], tmp_path, site)
    checkout = run([sys.executable, ROOT / "pipeline_runner.py", "--help"], tmp_path)
    assert installed.returncode == 0, installed.stderr
    assert checkout.returncode == 0, checkout.stderr
    own_name = re.compile(r"ranking-pipelines|pipeline_runner\.py")
    words = [own_name.sub("PROGRAM", ran.stdout).split() for ran in (installed, checkout)]
    assert words[0] == words[1]


def test_tests_of_the_data_package_pass_on_the_wheel(site: Path, tmp_path: Path) -> None:
    """Without the checkout: only tests are copied, but for those that only compute for long."""
    left_out = shutil.ignore_patterns("sampling")
    shutil.copytree(ROOT / "tests/data", tmp_path / "tests/data", ignore=left_out)
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "tests/conftest.py")
    for helper in (ROOT / "tests").glob("*.py"):
        shutil.copy(helper, tmp_path / "tests")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-W", "ignore"]
    ran = run([*command, "-p", "no:cacheprovider", "tests"], tmp_path, site)
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_every_import_is_a_declared_dependency() -> None:
    """What is only there because something else needs it may go away with it."""
    requires, extras = setup_literal("REQUIRES"), setup_literal("EXTRAS")
    assert isinstance(requires, tuple)
    assert isinstance(extras, dict)
    declared = {distribution(text) for text in requires}
    optional = declared | {distribution(text) for group in extras.values() for text in group}
    providers = top_level_names()
    undeclared = [
        f"{module.name} imports {name}, of {sorted(providers_of(name, providers))}"
        for module in all_modules()
        for name in third_party(module)
        if not providers_of(name, providers)
        & (declared if module in project_modules() else optional)
    ]
    assert not undeclared


def distribution(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def third_party(module: Module) -> set[str]:
    standard = sys.stdlib_module_names | OWN
    return {name for name in imports(module) if name and name.split(".")[0] not in standard}


def top_level_names() -> dict[str, set[str]]:
    """Which distributions bring a top-level module, by the files they installed."""
    found: dict[str, set[str]] = {}
    for installed in importlib.metadata.distributions():
        lines = (installed.read_text("RECORD") or "").splitlines()
        for name in {re.split(r"[/.,]", line, maxsplit=1)[0] for line in lines}:
            found.setdefault(name, set()).add(distribution(installed.metadata["Name"]))
    return found


def providers_of(name: str, providers: dict[str, set[str]]) -> set[str]:
    """The distributions that may bring a module; `google` is shared by many, so its path tells."""
    parts = name.split(".")
    if parts[:2] == ["google", "cloud"]:
        return {f"google-cloud-{part}" for part in parts[2:3]}
    if parts[0] == "google":
        return {name for part in parts[1:2] for name in (part, f"google-{part}")}
    return providers.get(parts[0], set())


def test_environment_is_the_lock() -> None:
    """Each locked package is installed in the locked version."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    locked = re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    search = [sysconfig.get_path("purelib")]
    installed = {
        distribution(found.metadata["Name"]): found.version
        for found in importlib.metadata.distributions(path=search)
    }
    wrong = {
        name: version for name, version in locked if installed.get(distribution(name)) != version
    }
    assert not wrong
