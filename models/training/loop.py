"""The loop of epochs: the same for every model, data set and strategy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from data.dataset import Counts
from data.storage import AnyPath
from models import losses
from models import strategy as strategy_lib
from models.embedding.layer import embedding_variables
from models.objective import Objective
from models.ranker import Inputs
from models.sparse import Maintenance
from models.sparse.of_model import share_tables
from models.sparse.of_model import tables_of
from models.strategy import Strategy
from models.training import packed
from models.training.config import Precision
from models.training.config import TrainConfig
from models.training.optimizers import build_optimizer
from models.training.progress import Progress
from models.training.progress import Report
from models.training.progress import State
from models.training.progress import Validate
from models.training.progress import say
from models.training.progress import say_nothing
from models.training.sign_of_life import SignOfLife
from models.training.steps import steps_per_call
from models.training.steps import steps_per_epoch
from models.training.warm import WarmStart

Batches = Callable[[tf.distribute.InputContext, int], tf.data.Dataset]
_LISTS, _IMPRESSIONS = "lists", "impressions"


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """What a model is trained on.

    Attributes:
      batches: Returns the endless batches of one worker, those after so many epochs: `(inputs,
        labels)` or `(inputs, labels, weights)`, of as many lists as the worker's share of
        `batch_size` is for one device; of any number where `config.packed`, best of all steps of a
        call.
      counts: The lists and documents of an epoch.
      sample: The model inputs of any batch.
      label: The main label, where labels come by name.
      impressions: Whether lists are impressions, each of one document.
    """

    batches: Batches
    counts: Counts
    sample: Inputs
    label: str = "label"
    impressions: bool = False


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What training came to.

    Attributes:
      epochs: Epochs run, those before a kill included.
      best_epoch: The epoch whose weights the model now has, counted from 1; 0: what a warm training
        started from.
      best: The validation metric of that epoch.
      start: What training started from where it could go on from another, in a line.
    """

    epochs: int
    best_epoch: int
    best: float
    start: str = ""


def result_of(state: State, config: TrainConfig) -> TrainResult:
    """Returns what a training of that state came to."""
    return TrainResult(state.epochs, state.best_epoch, state.metric(config), state.start)


def train(
    build: Callable[[bool], tf.keras.Model],
    data: TrainingData,
    validate: Callable[[tf.keras.Model], Validate],
    config: TrainConfig,
    *,
    state_dir: AnyPath,
    strategy: tf.distribute.Strategy | None = None,
    chief: bool = True,
    log_dir: AnyPath | None = None,
    report: Report = say,
    objective: Callable[[], Objective] | None = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
    warm: WarmStart | None = None,
) -> tuple[tf.keras.Model, TrainResult]:
    """Trains a model and returns it with the weights of its best epoch.

    The model returned computes in float32, with shapes as they come, on this process alone. One
    that has nothing to learn is validated once.

    Args:
      build: Builds the model, with static shapes or without.
      data: What it is trained on.
      validate: Returns, for a model, the function that measures it as it stands.
      config: The settings.
      state_dir: Where weights, optimizer and progress are kept; training begun there is resumed.
      strategy: What `models.strategy.connect` returned; the current one if None.
      chief: Whether this process writes the state.
      log_dir: Where TensorBoard reads; nowhere if None.
      report: Receives one line per epoch.
      objective: Makes the losses, in the strategy's scope; those of `config` if None.
      callbacks: Further callbacks.
      warm: What a training starts from that is not resumed, and what keeps it for a later one.
    """
    strategy = strategy or tf.distribute.get_strategy()
    trained, local = _models(build, data, config, strategy)
    config = config if trained.trainable_variables else dataclasses.replace(config, epochs=1)
    with strategy.scope():
        loss = objective() if objective else objective_of(config, data.label)
        _compile(trained, config, loss, data)
    progress = Progress(
        trained,
        local,
        validate(local),
        config,
        state_dir=state_dir,
        epoch_size=_epoch_size(config, data),
        agree=strategy_lib.agreement(strategy),
        chief=chief,
        report=report if trained.trainable_variables else say_nothing,
        warm=warm,
    )
    if not trained.trainable_variables:
        _measure(progress, config, report)
    elif not progress.done:
        followers = [*_callbacks(trained, progress, config, data, log_dir, report), *callbacks]
        _fit(trained, data, config, progress.state.epochs, followers)
    progress.close()
    return local, result_of(progress.state, config)


def _models(
    build: Callable[[bool], tf.keras.Model],
    data: TrainingData,
    config: TrainConfig,
    strategy: tf.distribute.Strategy,
) -> tuple[tf.keras.Model, tf.keras.Model]:
    """Returns the model in training, and the one that is validated and exported."""
    with strategy.scope(), strategy_lib.precision(config.precision.policy):
        trained = build(config.static)
        trained(data.sample)  # creates the weights before a checkpoint is read
    whole = config.precision is Precision.FLOAT32 and not config.distributed
    if whole and not config.static:
        return trained, trained
    local = build(False)
    share_tables(trained, local)
    local(data.sample)
    return trained, local


def _fit(
    model: tf.keras.Model,
    data: TrainingData,
    config: TrainConfig,
    first_epoch: int,
    callbacks: Sequence[tf.keras.callbacks.Callback],
) -> None:
    batches = _stacked(data.batches, config, steps_per_call(config, data.counts))
    model.fit(
        tf.keras.utils.experimental.DatasetCreator(lambda context: batches(context, first_epoch)),
        initial_epoch=first_epoch,
        epochs=config.epochs,
        steps_per_epoch=steps_per_epoch(config, data.counts),
        verbose=0,
        callbacks=callbacks,
    )


def _measure(progress: Progress, config: TrainConfig, report: Report) -> None:
    if not progress.done:
        progress.on_epoch_begin(0)
        progress.on_epoch_end(0)
    report(f"nothing to learn  {config.metric} {progress.state.metric(config):.4f}")


def _stacked(batches: Batches, config: TrainConfig, steps: int) -> Batches:
    if not config.packed:
        return batches

    def stacked(context: tf.distribute.InputContext, epochs: int) -> tf.data.Dataset:
        return packed.stack(batches(context, epochs), steps=steps, batch_size=config.batch_size)

    return stacked


def _epoch_size(config: TrainConfig, data: TrainingData) -> dict[str, int]:
    """Returns the lists and documents of an epoch, or its impressions."""
    counts = data.counts
    lists = steps_per_epoch(config, counts) * config.batch_size
    lists = lists if config.steps_per_epoch else min(lists, counts.lists)
    if data.impressions:
        return {_IMPRESSIONS: lists}
    return {_LISTS: lists, "documents": round(lists * counts.documents / counts.lists)}


def objective_of(config: TrainConfig, label: str) -> Objective:
    """Returns the losses of the settings; `label` is the name of the main one."""
    main = losses.build(config.loss, config.loss_options)
    if not config.tasks:
        return main, None
    tasks = {name: losses.build(t.loss, t.loss_options) for name, t in config.tasks.items()}
    weights = {name: task.weight for name, task in config.tasks.items()}
    return {label: main, **tasks}, {label: 1.0, **weights}


def _compile(
    model: tf.keras.Model, config: TrainConfig, objective: Objective, data: TrainingData
) -> None:
    per_call = steps_per_call(config, data.counts)
    optimizer = build_optimizer(
        config,
        total_steps=steps_per_epoch(config, data.counts) * config.epochs,
        scale_loss=config.precision is Precision.FLOAT16,
        compiled=config.static,
        embedding=config.embedding_optimizer,
        embeddings=embedding_variables(model),
        rowwise=bool(tables_of(model)),
    )
    loss, weights = objective
    model.compile(
        optimizer,
        loss,
        loss_weights=weights,
        jit_compile=config.jit_compile or None,
        steps_per_execution=per_call,
    )
    optimizer.build(model.trainable_variables)
    if config.warm_start is not None:  # weights that are kept before the first step have its state
        model.compiled_loss.build(model(data.sample))
    if config.packed:
        model.train_function = packed.train_function(model, per_call)


def _callbacks(
    model: tf.keras.Model,
    progress: Progress,
    config: TrainConfig,
    data: TrainingData,
    log_dir: AnyPath | None,
    report: Report,
) -> list[tf.keras.callbacks.Callback]:
    # Maintenance comes first: what is validated and resumed are the tables after it.
    tables = tables_of(model)
    callbacks: list[tf.keras.callbacks.Callback] = [Maintenance(tables)] if tables else []
    callbacks.append(progress)
    if config.distribution.strategy is not Strategy.PARAMETER_SERVER:  # its steps have no order
        unit = _IMPRESSIONS if data.impressions else _LISTS
        callbacks.append(SignOfLife(config.batch_size, unit, report))
    if log_dir is not None:
        callbacks.append(tf.keras.callbacks.TensorBoard(str(log_dir), write_graph=False))
    return callbacks
