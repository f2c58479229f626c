"""TFX's own command line runs the same file."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Demo

ROOT = Path(__file__).resolve().parents[2]


def test_tfx_creates_and_runs_the_pipeline(demo: Demo, tmp_path: Path) -> None:
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {
        "RANKING_CONFIG": str(demo.config),
        "LOCAL_HOME": str(tmp_path),
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
    }

    def tfx(*arguments: str) -> str:
        done = subprocess.run(
            [str(bin_folder / "tfx"), *arguments, "--engine", "local"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    runner = str(ROOT / "pipeline_runner.py")
    created = tfx("pipeline", "create", "--pipeline_path", runner)
    assert 'Pipeline "synthetic" created successfully.' in created
    ran = tfx("run", "create", "--pipeline_name", "synthetic")
    assert "blessed: every threshold holds" in ran
