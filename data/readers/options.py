"""What a reader is told, and what it reports when it refuses a record."""

from __future__ import annotations

import dataclasses
import enum

from data.errors import InputError


class Format(str, enum.Enum):
    """The formats of raw logs."""

    ELWC = "elwc"
    """TFRecord files of `ExampleListWithContext`, one list per record."""
    LIBSVM = "libsvm"
    """Text, `label qid:Q index:value ... # comment`, one document per line."""
    CSV = "csv"
    """Text with a header, one document per row."""
    PARQUET = "parquet"
    """Parquet tables, one document per row."""
    CRITEO = "criteo"
    """Criteo's click logs, text without a header, one impression per line."""
    INTERACTIONS = "interactions"
    """Logs of users and items, which `data.interactions` makes lists of."""


class Repeated(str, enum.Enum):
    """What becomes of a feature index that one LibSVM line holds twice."""

    REFUSE = "refuse"
    LAST = "last"
    """The last value counts."""


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """How raw files are spelled.

    Attributes:
      index_name: LibSVM: the column name of feature index i, where `*` stands for i, such as
        `"custom_features_*"`.
      query_suffix: LibSVM without `qid`: the suffix of the file that holds the list sizes, one
        a line. With `".query"`, `rank.train` and `rank.train.gz` have `rank.train.query`.
      repeated_index: LibSVM: whether an index that comes twice in a line is an error.
      delimiter: CSV: the character between two cells.
    """

    index_name: str = "*"
    query_suffix: str = ""
    repeated_index: Repeated = Repeated.REFUSE
    delimiter: str = ","

    def __post_init__(self) -> None:
        if self.index_name.count("*") != 1:
            raise InputError(f"index_name: found '{self.index_name}', expected one '*' in it")
        if len(self.delimiter) != 1 or not self.delimiter.isascii():
            raise InputError(f"delimiter: found '{self.delimiter}', expected one ASCII character")


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A record that was left out, and why.

    >>> str(Refusal("train.txt", "line 17", "feature 3: found 'abc', expected a number"))
    "train.txt: line 17: feature 3: found 'abc', expected a number"

    Attributes:
      file: The file as it was given to the reader.
      record: The place in the file, counted from 1: `"record 17"`, `"line 17"` or `"row 17"`
        (a CSV header is no row).
      reason: What was found and what was expected.
      list_id: The list that the record belongs to, where one is known.
    """

    file: str
    record: str
    reason: str
    list_id: bytes = b""

    def __str__(self) -> str:
        return f"{self.file}: {self.record}: {self.reason}"

    @classmethod
    def at(cls, origin: str, reason: str, list_id: bytes = b"") -> Refusal:
        """Returns the refusal of the list that was read at `origin`, one of `Lists.origins`."""
        file, _, record = origin.rpartition(": ")
        return cls(file, record, reason, list_id)


def shown(value: object) -> str:
    """Returns a value as error texts show it: quoted, and cut when long.

    >>> shown(b"abc"), shown(1.5), shown("x" * 50)
    ("'abc'", "'1.5'", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'")
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    text = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return f"'{text[:40]}...'" if len(text) > 40 else f"'{text}'"
