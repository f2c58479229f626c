"""Beam's own job service, but with two workers for a job, whose work it divides between them.

Command: python -m tests.e2e.job_service --port_file=FILE. Beam's takes one worker whatever it is
asked for: the number is an option of its direct runner alone.
"""

from __future__ import annotations

import sys
from typing import Any

from apache_beam.runners.portability import local_job_service_main
from apache_beam.runners.portability.fn_api_runner import fn_runner


class TwoWorkers(fn_runner.FnApiRunner):
    """The runner of the job service, in the one place where it has the number."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._num_workers = 2


if __name__ == "__main__":
    fn_runner.FnApiRunner = TwoWorkers
    local_job_service_main.run(sys.argv[1:])
