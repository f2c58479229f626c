"""The gate: whether a model is blessed, and why, from what the Evaluator found.

What a threshold says of a loss or a gain is a test of non-inferiority or superiority: the model
passes where the worse end of the paired interval keeps to the limit, so that one beyond it passes
with a chance of at most 1 - `confidence`. Each slice that is judged must pass by itself; as a model
that is too much worse in one of them must pass there as well, the chance to accept it is no larger,
however many slices there are (an intersection-union test, Berger, 1982), and limits need no
correction for their number.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from collections.abc import Sequence

from components.evaluation import Difference
from components.evaluation import Slice
from components.means import BASELINE
from data import plain
from data import storage
from models.metrics import parse_metric
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold

VERDICT_FILE = "verdict.json"
"""Where the verdict lies in the folder of the blessing."""
REASONS, EVIDENCE, NOTES, VERSION = "reasons", "evidence", "notes", "baseline_version"
"""Properties of the blessing: what was missed, what held, what else to know, and the version that
the model was compared with."""
NO_MODEL = "no model was blessed before"
_LONGEST = 2000
_ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What was decided.

    Attributes:
      blessed: Whether the model may be published.
      reasons: Each limit that it missed, in plain words.
      evidence: Each limit that it kept to.
      notes: What was not judged, and why.
    """

    blessed: bool
    reasons: tuple[str, ...]
    evidence: tuple[str, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Finding:
    holds: bool
    text: str


def judge(config: EvaluationConfig, slices: Sequence[Slice], *, without: str) -> Verdict:
    """Decides.

    Args:
      config: What the model must reach.
      slices: What the Evaluator found.
      without: Why there is no blessed model to compare with; empty if there is one.
    """
    overall = next((found for found in slices if not found.key), None)
    if overall is None:
        return Verdict(False, ("the split has no lists to judge by",), (), ())
    findings = [
        finding
        for name, threshold in config.thresholds.items()
        for finding in _findings(config, name, threshold, overall)
    ]
    alone = "absolute thresholds" + (" and yardsticks" if config.yardsticks else " alone")
    notes = [f"{without}: judged by {alone}"] if without else []
    for name, threshold in config.thresholds.items():
        if threshold.slice_max_loss is None or without:
            continue
        for part in slices:
            if not part.key:
                continue
            if part.counts[name] < config.min_lists:
                notes.append(f"{_where(name, part)}: {_few(config, name, part)}: not judged")
            elif _is_undefined(name, part.differences[BASELINE][name]):
                notes.append(f"{_where(name, part)}: too few labels of one kind: not judged")
            else:
                findings.append(_against(name, part, BASELINE, threshold.slice_max_loss))
    reasons = tuple(finding.text for finding in findings if not finding.holds)
    held = tuple(finding.text for finding in findings if finding.holds)
    return Verdict(not reasons, reasons, held, tuple(notes))


def read(folder: str) -> Verdict:
    """Returns the verdict that lies in the folder of a blessing."""
    path = storage.at(folder) / VERDICT_FILE
    return plain.from_json(Verdict, path.read_text(encoding="utf-8"))


def properties(verdict: Verdict, version: str) -> dict[str, str]:
    """Returns what ML Metadata is to know of a verdict.

    Args:
      verdict: The verdict.
      version: The version of the model that was compared.
    """
    lines = {REASONS: verdict.reasons, EVIDENCE: verdict.evidence, NOTES: verdict.notes}
    texts = {key: "\n".join(found) for key, found in lines.items()}
    short = {
        key: text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."
        for key, text in texts.items()
    }
    return {**short, VERSION: version}


def _findings(
    config: EvaluationConfig, name: str, threshold: Threshold, overall: Slice
) -> Iterator[_Finding]:
    if overall.counts[name] < config.min_lists:
        yield _Finding(False, f"{name}: {_few(config, name, overall)}")
        return
    value = overall.values[name]
    if threshold.at_least is not None:
        held = value >= threshold.at_least
        yield _Finding(held, f"{name}: found {value:.4f}, expected at least {threshold.at_least:g}")
    if threshold.at_most is not None:
        held = value <= threshold.at_most
        yield _Finding(held, f"{name}: found {value:.4f}, expected at most {threshold.at_most:g}")
    if BASELINE in overall.differences:
        if threshold.max_loss is not None:
            yield _against(name, overall, BASELINE, threshold.max_loss)
        if threshold.min_gain is not None:
            yield _against(name, overall, BASELINE, -threshold.min_gain, strictly=True)
    for yardstick, loss in threshold.yardsticks.items():
        yield _against(name, overall, yardstick, loss)


def _against(
    name: str, found: Slice, other: str, max_loss: float, *, strictly: bool = False
) -> _Finding:
    difference = found.differences[other][name]
    gain = _gain(name, difference)
    held = gain.low > -max_loss if strictly else gain.low >= -max_loss - _ROUNDING
    than = "the blessed model" if other == BASELINE else other
    limit = f"a loss of at most {max_loss:g}" if max_loss >= 0 else f"a gain of {-max_loss:g}"
    if strictly:
        limit = f"a gain of more than {abs(max_loss):g}"
    text = (
        f"{_where(name, found)}: {difference.mean:+.4f} ({difference.low:+.4f} .."
        f" {difference.high:+.4f}) from {than}, expected {limit} for sure"
    )
    return _Finding(held, text if held else text + _needed(name, found, gain, max_loss))


def _is_undefined(name: str, difference: Difference) -> bool:
    """Returns whether labels leave a metric undefined, as an AUC is without clicks."""
    finite = math.isfinite(difference.low) and math.isfinite(difference.high)
    return parse_metric(name).over_documents and not finite


def _gain(name: str, difference: Difference) -> Difference:
    """Returns the difference such that more is better."""
    if parse_metric(name).higher_is_better:
        return difference
    return Difference(-difference.mean, -difference.high, -difference.low)


def _needed(name: str, found: Slice, gain: Difference, max_loss: float) -> str:
    """Returns how many lists would prove what this difference suggests; empty if none would."""
    room = gain.mean + max_loss
    if not room > 0:
        return ""
    lists = math.ceil(found.counts[name] * ((gain.mean - gain.low) / room) ** 2)
    return (
        f"; {found.counts[name]:,} {_unit(name)} leave that open, about {lists:,} would show it of"
        " this difference"
    )


def _few(config: EvaluationConfig, name: str, found: Slice) -> str:
    return f"{found.counts[name]:,} {_unit(name)} to judge by, fewer than {config.min_lists:,}"


def _unit(name: str) -> str:
    return "documents" if parse_metric(name).over_documents else "lists"


def _where(name: str, found: Slice) -> str:
    return name + "".join(f" in {key}={value}" for key, value in found.key.items())
