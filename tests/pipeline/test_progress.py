"""What the terminal shows of a run, taken from the log of TFX's runner."""

import logging

from pipeline import progress


def log(handler: logging.Handler, message: str, *arguments: object) -> None:
    handler.emit(logging.LogRecord("absl", logging.INFO, "", 0, message, arguments, None))


def test_nodes_are_announced_and_timed() -> None:
    lines: list[str] = []
    handler = progress.Progress(lines.append)
    log(handler, progress.RUNNING, "Trainer")
    log(handler, "anything else")
    log(handler, progress.FINISHED, "Trainer")
    log(handler, progress.RUNNING, "Pusher")
    log(handler, progress.CACHED, 7)
    log(handler, progress.FINISHED, "Pusher")
    assert lines == ["Trainer ...", "Trainer done: 0.0 s", "Pusher ...", "Pusher done: cached"]
    assert not handler.times["Trainer"].cached
    assert handler.times["Pusher"].cached


def test_messages_are_those_of_the_runner() -> None:
    from tfx.orchestration.local import local_dag_runner
    from tfx.orchestration.portable import launcher

    with open(local_dag_runner.__file__) as file:
        text = file.read()
    assert progress.RUNNING in text
    assert progress.FINISHED in text
    with open(launcher.__file__) as file:
        assert progress.CACHED in file.read()
