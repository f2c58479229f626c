"""The command line: what each command takes. It loads nothing, so that `--help` is quick."""

from __future__ import annotations

import argparse


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    top = argparse.ArgumentParser(
        prog="ranking-pipelines",
        description="From logs to a gated, published ranking model, by one configuration file.",
        epilog="Without a command, the pipeline that RANKING_CONFIG names is run. Exit status:"
        " 0 done, 1 a run on a cluster failed, 2 a mistake in the input, 3 the model was not"
        " blessed.",
    )
    commands = top.add_subparsers(dest="command", metavar="command")
    _add_run(commands.add_parser("run", help="run the pipeline, from logs to a published model"))
    worker = commands.add_parser("worker", help="train with others, as TF_CONFIG says")
    _add_config(worker)
    plan = commands.add_parser("plan", help="say which spans of the logs are trained on next")
    _add_config(plan)
    _add_watch(commands.add_parser("watch", help="run the pipeline as the spans of the logs come"))
    commands.add_parser("configs", help="list the shipped configurations")
    _add_compile(commands.add_parser("compile", help="write the pipeline as its engine reads it"))
    manifests = commands.add_parser(
        "manifests", help="render the model server, and training in pods, for Kubernetes"
    )
    _add_config(manifests)
    manifests.add_argument("--output", default="manifests", help="a folder (default: manifests)")
    check = commands.add_parser("check", help="read a configuration and say what is wrong with it")
    _add_config(check)
    _add_using(commands)
    _add_reports(commands)
    _add_cluster(commands)
    return top


def _add_run(run: argparse.ArgumentParser) -> None:
    _add_config(run)
    run.add_argument(
        "--tune",
        type=int,
        metavar="N",
        help="first search the space of [tuner] with N trials (0: without a search)",
    )
    run.add_argument(
        "--span",
        metavar="SPANS",
        help="train on these spans, whatever was trained before: numbers or days, such as"
        " 2026-11-20 or 18..20,22 (default: as examples.spans plans, else the newest)",
    )
    run.add_argument("--verbose", action="store_true", help="show the logs of TFX")


def _add_watch(watch: argparse.ArgumentParser) -> None:
    _add_config(watch)
    watch.add_argument(
        "--every", default="1m", help="how often to look for new logs, such as 10m (default: 1m)"
    )
    how = watch.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="end when there is nothing to do")
    how.add_argument(
        "--units", metavar="FOLDER", help="only write files for systemd and cron that start it"
    )


def _add_compile(command: argparse.ArgumentParser) -> None:
    which = command.add_mutually_exclusive_group()
    which.add_argument("--config", help="as run takes it")
    which.add_argument("--all", action="store_true", help="every shipped configuration")
    command.add_argument(
        "--engine",
        choices=["local", "kubeflow", "vertex"],
        help="for which engine (default: pipeline.engine; with --all every one)",
    )
    _add_deployment(command)
    command.add_argument("--output", help="the folder of the files (default: this one)")


def _add_deployment(command: argparse.ArgumentParser) -> None:
    command.add_argument("--image", help="the image of the nodes (default: cluster.image)")
    command.add_argument("--root", help="the folder of artifacts (default: cluster.root)")


def _add_using(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    score = commands.add_parser("score", help="rank the documents of a file with a model")
    score.add_argument("--model", required=True, help="a SavedModel, or the folder of versions")
    score.add_argument("--input", required=True, help="ELWC TFRecord or JSON lines")
    score.add_argument("--top", type=int, help="documents to print per list (default: all)")
    score.add_argument("--json", action="store_true", help="print JSON lines")
    _add_recommend(commands.add_parser("recommend", help="recommend items to users with a model"))
    explain = commands.add_parser("explain", help="draw what each feature adds to the scores")
    explain.add_argument("--model", required=True, help="as score takes it, of family gam")
    explain.add_argument("--input", required=True, help="ELWC TFRecord or JSON lines")
    explain.add_argument("--output", default="curves.html", help="a .html or .csv file")
    explain.add_argument("--top", type=int, default=10, help="features to print (default: 10)")
    listing = commands.add_parser("versions", help="list the published versions")
    promote = commands.add_parser("promote", help="serve the canary to all")
    rollback = commands.add_parser("rollback", help="drop the canary or the newest version")
    rollback.add_argument("--to", type=int, help="the version to go back to")
    for command in (listing, promote, rollback):
        _add_config(command)
        command.add_argument("--models", help="the folder of versions (default: push.base)")


def _add_reports(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = commands.add_parser("report", help="write the page of a local run")
    compare = commands.add_parser("compare", help="write a page that compares two runs")
    history = commands.add_parser("history", help="write the page of all local runs and pushes")
    why = commands.add_parser("why", help="tell every decision of a local run")
    for command in (report, why):
        command.add_argument(
            "run",
            metavar="RUN",
            nargs="?",
            default="",
            help="how its name begins (default: newest)",
        )
    compare.add_argument(
        "runs", metavar="RUN", nargs=2, help="how its name begins, or its page, a .html file"
    )
    for command in (report, compare, history, why):
        _add_config(command)
    for command in (report, compare, history):
        command.add_argument(
            "--output", default="", help="a file (default: in reports, at the root)"
        )


def _add_recommend(recommend: argparse.ArgumentParser) -> None:
    _add_config(recommend)
    recommend.add_argument("--model", help="as score takes it (default: push.base)")
    whom = recommend.add_mutually_exclusive_group()
    whom.add_argument("--user", nargs="+", metavar="ID", help="for whom (default: lines of stdin)")
    whom.add_argument("--input", help="JSON lines or ELWC TFRecord of users with their columns")
    recommend.add_argument("--k", type=int, default=10, help="items for each (default: 10)")
    recommend.add_argument(
        "--include-seen", action="store_true", help="also what users have in the training data"
    )
    recommend.add_argument("--json", action="store_true", help="print JSON lines, not CSV")


def _add_cluster(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    upload = commands.add_parser("upload", help="compile and upload to Kubeflow Pipelines")
    start = commands.add_parser("start", help="start a run of an uploaded version")
    follow = commands.add_parser("follow", help="follow a run to its end")
    cancel = commands.add_parser("cancel", help="stop a run")
    runs = commands.add_parser("runs", help="list the newest runs")
    schedule = commands.add_parser("schedule", help="run at set times: create, list, pause, ...")
    actions = schedule.add_subparsers(dest="action", metavar="action", required=True)
    create = actions.add_parser("create", help="run an uploaded version at set times")
    listing = actions.add_parser("list", help="list the schedules")
    for command in (upload, start, runs, create, listing):
        _add_config(command)
    for command in (upload, start, create):
        _add_deployment(command)
    for command in (start, create):
        _add_start(command)
    for command in (follow, cancel):
        command.add_argument("run", metavar="RUN_ID", help="the id that start prints, runs lists")
    start.add_argument("--follow", action="store_true", help="then follow it to its end")
    for command in (start, follow):
        command.add_argument(
            "--limit", default="7d", help="how long to follow, such as 12h (default: 7d)"
        )
    runs.add_argument("--top", type=int, default=10, help="how many (default: 10)")
    _add_schedule(create)
    changes = {"pause": "start no more runs", "resume": "start runs again", "delete": "forget it"}
    changing = [actions.add_parser(name, help=what) for name, what in changes.items()]
    for command in changing:
        command.add_argument("schedule", metavar="SCHEDULE_ID", help="the id that list shows")
    for command in (upload, start, follow, cancel, runs, create, listing, *changing):
        command.add_argument(
            "--host", default="", help="the endpoint (default: KF_PIPELINES_ENDPOINT)"
        )


def _add_start(command: argparse.ArgumentParser) -> None:
    command.add_argument("--version", default="", help="its name (default: the newest)")
    command.add_argument(
        "--span",
        help="spans of the logs: numbers or days, such as 18..20 (default: the newest; start plans"
        " them where the configuration has examples.spans)",
    )
    command.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the value of a parameter; may be repeated",
    )


def _add_schedule(create: argparse.ArgumentParser) -> None:
    create.add_argument(
        "--cron", default="", help="second minute hour day month weekday, such as '0 0 3 * * *'"
    )
    create.add_argument("--every", default="", help="the time between starts, such as 6h")
    create.add_argument("--start", default="", help="no run before, such as 2026-11-20T03:00")
    create.add_argument("--end", default="", help="no run after")
    create.add_argument(
        "--max-concurrency", type=int, default=1, help="runs that go on at once (default: 1)"
    )
    create.add_argument(
        "--catch-up", action="store_true", help="make up for starts that were missed"
    )
    create.add_argument("--name", default="", help="what lists show")


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        help="a TOML file, or the name of a shipped one (default: RANKING_CONFIG, or synthetic)",
    )
