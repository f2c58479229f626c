"""One small pipeline run that the tests of its parts share."""

import dataclasses
from pathlib import Path

import pytest

from tests.e2e import runs


@dataclasses.dataclass(frozen=True)
class Demo:
    """A finished run."""

    folder: Path
    config: Path
    ran: runs.Ran

    @property
    def models(self) -> Path:
        """The folder of versions."""
        return self.folder / "models"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demonstration, made small, run once."""
    folder = tmp_path_factory.mktemp("demo")
    config = runs.write_config(folder)
    return Demo(folder, config, runs.command("run", "--config", str(config)))
