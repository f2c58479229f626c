"""The commands of the command line, one function each."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

from data import storage
from data.errors import InputError
from data.storage import AnyPath
from models import files
from pipeline import decode
from pipeline import deployment
from pipeline import machines
from pipeline.config import Config
from pipeline.config import Engine


def run(options: argparse.Namespace) -> int:
    """Runs the pipeline on its engine."""
    config = tuned(decode.load(vars(options).get("config")), vars(options).get("tune"))
    spans = vars(options).get("span")
    deployment.spanned(config, spans)  # refuses what is none
    print(f"{describe(config)}; loading TFX ...", flush=True)
    from pipeline import runners  # takes some 10 s; the configuration is known to be sound

    return runners.run(config, spans=spans, verbose=vars(options).get("verbose", False))


def tuned(config: Config, trials: int | None) -> Config:
    """Returns the configuration with another number of trials; None leaves it as it is."""
    if trials is None:
        return config
    try:
        tuner = dataclasses.replace(config.tuner, trials=trials)
        return dataclasses.replace(config, tuner=tuner)
    except InputError as error:
        raise InputError(f"--tune {trials}: {error}") from None


def plan(options: argparse.Namespace) -> None:
    """Says which spans are trained on next."""
    config = decode.load(options.config)
    if config.examples.spans is None:
        raise InputError("plan: expected the table 'examples.spans'")
    from pipeline import planning  # takes some 10 s

    print(planning.describe(config, planning.planned(config)))


def watch(options: argparse.Namespace) -> int:
    """Runs the pipeline as the spans of the logs come."""
    path, _ = decode.read(options.config)
    config, name = decode.load(options.config), str(path.resolve())
    every = machines.seconds(options.every)
    if not every:
        raise InputError(f"--every: expected a time such as '10m', found '{options.every}'")
    from pipeline import watching  # takes some 10 s

    if not options.units:
        return watching.watch(name, every=every, once=options.once)
    folder = Path(options.units)
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for unit, text in watching.units(config, name).items():
            storage.replace_text(folder / unit, text)
            print(f"wrote {folder / unit}")
    return 0


def check(options: argparse.Namespace) -> None:
    """Reads a configuration."""
    print(describe(decode.load(options.config)))


def describe(config: Config) -> str:
    """Returns what a configuration comes to, in a line."""
    search = f", after {config.tuner.trials} trials" if config.tuner.trials else ""
    return (
        f"{config.pipeline.name}: {len(config.features.features)} features,"
        f" model {config.model.family}, {config.train.loss}{search}"
    )


def compile_(options: argparse.Namespace) -> None:
    """Writes the pipeline as its engine reads it, of one configuration or of all shipped ones."""
    from pipeline import compiler  # takes some 10 s

    names = list(decode.shipped()) if options.all else [options.config]
    engines = [Engine(options.engine)] if options.engine else list(Engine) if options.all else None
    for name in names:
        config = deployment.told(decode.load(name), image=options.image, root=options.root)
        for engine in engines or [config.pipeline.engine]:
            found = deployment.deployed(config, engine)
            folder = storage.at(options.output or ".")
            path = folder / f"{found.pipeline.name}.{engine.value}.yaml"
            folder.mkdir(parents=True, exist_ok=True)
            storage.replace_text(path, compiler.render(found))
            print(f"wrote {path}", flush=True)


def configs(options: argparse.Namespace) -> None:
    """Lists the shipped configurations with the first line of each."""
    del options
    for name, path in decode.shipped().items():
        purpose = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        print(f"{name:24} {purpose}")


def score(options: argparse.Namespace) -> None:
    """Ranks the documents of a file."""
    from models import scoring

    for ranked in scoring.rank(options.model, options.input, top=options.top):
        print(scoring.to_json(ranked) if options.json else scoring.render(ranked))


def recommend(options: argparse.Namespace) -> None:
    """Recommends items to users: named ones, those of a file, or of the standard input."""
    from models import recommending

    if options.user:
        requests = recommending.of_users(options.user)
    elif options.input:
        requests = recommending.of_file(storage.at(options.input))
    else:
        requests = recommending.of_lines(sys.stdin)
    found = recommending.recommend(
        options.model or decode.load(options.config).push.base,
        requests,
        k=options.k,
        include_seen=options.include_seen,
    )
    if not options.json:
        print(",".join(recommending.HEADER))
    for recommended in found:
        if options.json:
            print(recommending.to_json(recommended))
        else:
            print(recommending.to_csv(recommended), end="")


def explain(options: argparse.Namespace) -> None:
    """Draws what each feature adds to the scores of an additive model."""
    from models import curves
    from models import drawing

    drawing.check(options.output)
    found = curves.measure(options.model, options.input)
    drawing.write(found, options.output)
    for curve in found[: options.top]:
        print(f"{curve.spread:10.4f}  {curve.feature}")
    print(f"wrote {options.output}: {len(found)} features, those that move scores most first")


def worker(options: argparse.Namespace) -> int:
    """Waits for the chief's training and does this machine's part of it."""
    config = decode.load(options.config)
    from models import cluster
    from models import strategy

    place = strategy.place(config.train.distribution)
    if place.chief:
        name = config.train.distribution.strategy.value
        raise InputError(
            f"worker: under '{name}' this process is the chief, which runs the pipeline"
        )
    folder = config.pipeline.training_folder
    print(f"{place.role} {place.index} waits for a training in {folder}", flush=True)
    return cluster.main(storage.at(folder))


def on_kubeflow(options: argparse.Namespace) -> int | None:
    """Talks to Kubeflow Pipelines."""
    from pipeline import kubeflow  # loads its client

    return kubeflow.COMMANDS[options.command](options)


def manifests(options: argparse.Namespace) -> None:
    """Renders what runs on Kubernetes outside of a pipeline's engine."""
    from pipeline import manifests as rendering

    _, text = decode.read(options.config)
    rendered = rendering.render(decode.load(options.config), text)
    for path in rendering.write(rendered, Path(options.output)):
        print(f"wrote {path}")


def versions(options: argparse.Namespace) -> None:
    """Lists the published versions, newest first."""
    from models import versions as store

    for version in store.versions(_models(options)):
        print(store.describe(version))


def promote(options: argparse.Namespace) -> None:
    """Serves the canary to all."""
    from models import switching

    print(f"serving version {switching.promote(_models(options)).version}")


def rollback(options: argparse.Namespace) -> None:
    """Drops the canary, or goes back to an earlier version."""
    from models import switching

    print(f"serving version {switching.rollback(_models(options), options.to).version}")


def report(options: argparse.Namespace) -> None:
    """Writes the page of a run."""
    config = decode.load(options.config)
    from pipeline import runs  # takes some 10 s

    print(f"wrote {runs.write_report(config, options.run, options.output)}")


def compare(options: argparse.Namespace) -> None:
    """Writes the page that compares two runs."""
    config = decode.load(options.config)
    from pipeline import runs

    first, second = options.runs
    print(f"wrote {runs.write_comparison(config, first, second, options.output)}")


def history(options: argparse.Namespace) -> None:
    """Writes the page of all runs."""
    config = decode.load(options.config)
    from pipeline import runs

    print(f"wrote {runs.write_history(config, options.output)}")


def why(options: argparse.Namespace) -> None:
    """Tells every decision of a run."""
    config = decode.load(options.config)
    from pipeline import runs

    print(runs.explain(config, options.run))


def _models(options: argparse.Namespace) -> AnyPath:
    return storage.at(options.models or decode.load(options.config).push.base)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int | None]] = {
    "cancel": on_kubeflow,
    "check": check,
    "compare": compare,
    "compile": compile_,
    "configs": configs,
    "explain": explain,
    "follow": on_kubeflow,
    "history": history,
    "manifests": manifests,
    "plan": plan,
    "promote": promote,
    "recommend": recommend,
    "report": report,
    "rollback": rollback,
    "run": run,
    "runs": on_kubeflow,
    "schedule": on_kubeflow,
    "score": score,
    "start": on_kubeflow,
    "upload": on_kubeflow,
    "versions": versions,
    "watch": watch,
    "why": why,
    "worker": worker,
}
