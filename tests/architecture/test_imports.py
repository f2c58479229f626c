"""Imports go one way, and asking for help or for the data package stays cheap."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES
from tests.architecture.sources import ROOT
from tests.architecture.sources import imports
from tests.architecture.sources import project_modules

# Lowest first: a module may import its own layer and those before it. Of the names that fit a
# module, the longest decides.
LAYERS = (
    ("data",),
    ("models",),
    (
        "pipeline",
        "pipeline.arguments",
        "pipeline.beam",
        "pipeline.cluster",
        "pipeline.config",
        "pipeline.decode",
        "pipeline.deployment",
        "pipeline.drift",
        "pipeline.evaluation",
        "pipeline.examples",
        "pipeline.machines",
        "pipeline.manifests",
        "pipeline.model_server",
        "pipeline.platform",
        "pipeline.pods",
        "pipeline.own_code",
        "pipeline.plans",
        "pipeline.progress",
        "pipeline.reporting",
        "pipeline.spans",
        "pipeline.tables",
        "pipeline.training_job",
        "pipeline.workloads",
    ),
    ("components",),
    ("pipeline.dag", "pipeline.ingestion", "pipeline.served"),
    (
        "pipeline.client",
        "pipeline.compiler",
        "pipeline.following",
        "pipeline.kubeflow",
        "pipeline.ledger",
        "pipeline.lineage",
        "pipeline.planning",
        "pipeline.remote_plans",
        "pipeline.report",
        "pipeline.runners",
        "pipeline.runs",
        "pipeline.schedules",
        "pipeline.submission",
        "pipeline.watching",
    ),
    ("pipeline.commands",),
    ("pipeline_runner",),
)
SLOW = "tfx.v1"
"""It loads the clients of Google's cloud, which takes as long as all else that a node loads."""
FORBIDDEN = {
    "data": ("tfx", "apache_beam", "kfp", "tensorflow_model_analysis", "keras"),
    "models": ("tfx", "apache_beam", "kfp", "tensorflow_model_analysis", "keras"),
    "components": ("kfp", "keras", SLOW),
    "pipeline": ("keras", SLOW),
    "pipeline_runner": ("keras",),
}
HEAVY = ("tensorflow", "tfx", "apache_beam", "kfp")


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def rank(name: str) -> int:
    """The number of the layer that `name` belongs to; -1 for what is not ours."""
    fits = [(len(p), n) for n, layer in enumerate(LAYERS) for p in layer if within(name, p)]
    return max(fits)[1] if fits else -1


def test_every_package_is_seen() -> None:
    names = {module.name for module in project_modules()}
    assert {"pipeline_runner", *PACKAGES} <= names
    assert len(names) >= 20


def test_every_pipeline_module_has_a_layer_of_its_own() -> None:
    listed = {name for names in LAYERS for name in names}
    modules = {".".join(module.name.split(".")[:2]) for module in project_modules()}
    unlisted = {name for name in modules if within(name, "pipeline")} - listed
    assert not unlisted, f"give {sorted(unlisted)} a place in LAYERS"


def test_imports_go_one_way() -> None:
    upward = {
        module.name: wrong
        for module in project_modules()
        if (wrong := {name for name in imports(module) if rank(name) > rank(module.name)})
    }
    assert not upward, f"these import what stands above them: {upward}"


def test_no_package_imports_what_it_must_not_know() -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in project_modules()
        for name in imports(module)
        if any(within(name, other) for other in FORBIDDEN[module.name.split(".")[0]])
    ]
    assert not wrong


def test_no_import_cycles() -> None:
    names = {module.name for module in project_modules()}
    edges = {
        module.name: {name for name in imports(module, only_on_import=True) if name in names}
        - {module.name, module.package}
        for module in project_modules()
    }
    while True:  # what needs nobody, and what nobody needs, is in no cycle
        needed = {need for needs in edges.values() for need in needs}
        cyclic = {
            name: needs & edges.keys()
            for name, needs in edges.items()
            if needs & edges.keys() and name in needed
        }
        if cyclic == edges:
            break
        edges = cyclic
    assert not cyclic, f"these import each other: {cyclic}"


def modules_loaded_by(code: str, folder: Path) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running `code`."""
    script = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}\nprint('LOADED', *sys.modules)"
    command = [sys.executable, "-c", script]
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    last = ran.stdout.splitlines()[-1].split()
    assert last[0] == "LOADED"
    return {name.split(".")[0] for name in last[1:]}


def test_importing_data_loads_no_tensorflow(tmp_path: Path) -> None:
    loaded = modules_loaded_by("import data", tmp_path)
    assert "data" in loaded
    assert not loaded & {*HEAVY}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]], ids=" ".join)
def test_help_loads_no_tensorflow(tmp_path: Path, arguments: list[str]) -> None:
    code = f"""
import runpy
sys.argv = ["pipeline_runner.py", *{arguments!r}]
try:
    runpy.run_path({str(ROOT / "pipeline_runner.py")!r}, run_name="__main__")
except SystemExit as stop:
    assert not stop.code, stop.code
else:
    raise AssertionError("--help did not stop the program")
"""
    assert not modules_loaded_by(code, tmp_path) & {*HEAVY}
