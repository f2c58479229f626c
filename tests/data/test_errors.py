"""The near miss at the end of an error text."""

import pytest

from data.errors import did_you_mean


@pytest.mark.parametrize(
    ("word", "options", "expected"),
    [
        ("learning_rte", ["epochs", "learning_rate"], " Did you mean 'learning_rate'?"),
        ("trian", {"train": 1, "test": 2}, " Did you mean 'train'?"),
        ("zzz", ["train"], ""),
        ("train", [], ""),
        ("", ["train"], ""),
    ],
)
def test_the_nearest_option_is_named_if_one_is_near(
    word: str, options: list[str], expected: str
) -> None:
    assert did_you_mean(word, options) == expected


def test_options_may_come_one_by_one() -> None:
    assert did_you_mean("tst", (name for name in ("train", "test"))) == " Did you mean 'test'?"
