"""MovieLens' files of users and movies -> named columns: ids, title, year, genres and so on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import InputError
from data.interactions import lines
from data.interactions import sources
from data.interactions.kinds import Layout
from data.readers import numbered
from data.readers.numbered import Numbered
from data.readers.options import Refusal
from data.readers.options import shown
from data.readers.runs import Refuse

USERS = {
    Layout.ML_100K: ("user_id", "age", "gender", "occupation", "zip_code"),
    Layout.ML_1M: ("user_id", "gender", "age", "occupation", "zip_code"),
}
"""The columns of users."""

ITEMS = ["movie_id", "title", "year", "genres"]
"""The columns of movies; `year` is that of the title, `genres` are several strings."""

GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The genres that the flags of `u.item` stand for, where no `u.genre` says which."""

UNITS = {Layout.ML_100K: "line", Layout.ML_1M: "line", Layout.ML_CSV: "row"}
"""What the rows of items are called in messages."""

_SEPARATORS = {Layout.ML_100K: "|", Layout.ML_1M: "::"}
_PARTS = ["movie_id", "title", "genres"]
_CSV = ("movieId", "title", "genres")
_NO_GENRES = b"(no genres listed)"
_TITLE = (
    r"^\s*(?P<title>.*?\S)\s*\((?P<year>\d{4})(?:\s*[-–]\s*(?:\d{4})?)?\)"
    r"\s*(?P<rest>\([^()]*\))?\s*$"
)
"""A title ends with a year or years, and rarely with a remark: `Name, The (1995) (V)`."""


def users(path: str, layout: Layout, refuse: Refuse) -> Numbered:
    """Reads `u.user` or `users.dat`: the columns `USERS`."""
    names = list(USERS[layout])
    return sources.text(path, names, separator=_SEPARATORS[layout], latin=True, refuse=refuse)


def items(path: str, layout: Layout, refuse: Refuse, *, genres: int) -> Numbered:
    """Reads `u.item`, `movies.dat` or `movies.csv`: the columns `ITEMS`.

    A missing title, year or genre is null; so are no genres at all.

    Args:
      path: The file.
      layout: How it is written.
      refuse: Is told about each row that is left out.
      genres: The most genres of a movie; where it is 1 they are no lists.
    """
    for batch, numbers in _parted(path, layout, refuse):
        ids, titles, names = batch.columns
        name, year = _name_and_year(titles.cast(pa.string()))
        yield pa.RecordBatch.from_arrays([ids, name, year, _cut(names, genres)], ITEMS), numbers


def _parted(path: str, layout: Layout, refuse: Refuse) -> Numbered:
    """Reads the ids, the whole titles and lists of all genres."""
    if layout is Layout.ML_100K:
        yield from _flagged(path, refuse)
        return
    if layout is Layout.ML_CSV:
        rows = sources.csv(path, lambda found: _csv(path, found), delimiter=",", refuse=refuse)
    else:
        separator = _SEPARATORS[layout]
        rows = sources.text(path, _PARTS, separator=separator, latin=True, refuse=refuse)
    for batch, numbers in rows:
        ids, titles, genres = batch.columns
        genres = pc.if_else(pc.equal(genres, _NO_GENRES), pa.scalar(None, pa.binary()), genres)
        genres = pc.split_pattern(genres.cast(pa.string()), "|").cast(pa.list_(pa.binary()))
        yield pa.RecordBatch.from_arrays([ids, titles, genres], _PARTS), numbers


def _csv(path: str, found: Sequence[str]) -> list[str]:
    for name in _CSV:
        numbered.require(path, name, found)
    return list(_CSV)


def _name_and_year(titles: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Parts titles `[n]` from the years they end with; a year is null where there is none."""
    parts = pc.extract_regex(titles, _TITLE)
    title, year, rest = (pc.struct_field(parts, [i]) for i in range(3))
    name = pc.ascii_trim_whitespace(pc.binary_join_element_wise(title, rest, " "))
    name = pc.coalesce(name, pc.ascii_trim_whitespace(titles))
    return name.cast(pa.binary()), year.cast(pa.binary())


def _cut(genres: pa.Array, width: int) -> pa.Array:
    """Returns the first genres of each list `[n]`; for a width of 1, the genre or null."""
    lengths = pc.fill_null(pc.list_value_length(genres), 0).to_numpy(zero_copy_only=False)
    starts = np.cumsum(lengths) - lengths
    flat = genres.flatten()
    if width == 1:
        return flat.take(pa.array(starts, mask=lengths == 0))
    kept = np.minimum(lengths, width)
    place = np.arange(kept.sum()) - np.repeat(np.cumsum(kept) - kept, kept)
    offsets = pa.array(np.append(0, np.cumsum(kept)), pa.int32())
    return pa.ListArray.from_arrays(offsets, flat.take(pa.array(np.repeat(starts, kept) + place)))


def _flagged(path: str, refuse: Refuse) -> Numbered:
    """Reads `u.item`: after five other cells, a flag for each genre."""
    genres = _genres(path)
    others = ["movie_id", "title", "release_date", "video_release_date", "url"]
    names = [*others, *genres]
    for batch, numbers in sources.text(path, names, separator="|", latin=True, refuse=refuse):
        flags = np.stack([_flags(column) for column in batch.columns[len(others) :]], axis=1)
        wrong = flags < 0
        for row in np.flatnonzero(wrong.any(axis=1)).tolist():
            place = len(others) + int(wrong[row].argmax())
            cell = shown(batch.column(place)[row].as_py() or b"")
            reason = f"column '{names[place]}': found {cell}, expected 0 or 1"
            refuse(Refusal(path, f"line {numbers[row]}", reason))
        good = ~wrong.any(axis=1)
        batch = batch.filter(pa.array(good))
        lists = _named(flags[good] > 0, genres)
        yield pa.RecordBatch.from_arrays([*batch.columns[:2], lists], _PARTS), numbers[good]


def _flags(column: pa.Array) -> np.ndarray:
    """Returns `[n]`: the flag, 0 or 1, or -1 where it is neither."""
    found = pc.index_in(column, value_set=pa.array([b"0", b"1"], pa.binary()))
    return found.fill_null(-1).to_numpy(zero_copy_only=False)


def _named(flags: np.ndarray, genres: Sequence[str]) -> pa.Array:
    """Returns lists of the names of the flags `[n, n_genres]` that are set."""
    offsets = pa.array(np.append(0, np.cumsum(flags.sum(axis=1))), pa.int32())
    names = pa.array(genres, pa.string()).cast(pa.binary())
    return pa.ListArray.from_arrays(offsets, names.take(pa.array(np.nonzero(flags)[1])))


def _genres(path: str) -> list[str]:
    """Returns the genres in the order of their flags: those of `u.genre` beside the file."""
    folder, slash, _ = path.rpartition("/")
    beside = f"{folder}{slash}u.genre"
    found: dict[int, str] = {}
    try:
        for block, first in lines.blocks(beside, "text with genres", latin=True):
            for number, line in enumerate(block.decode().splitlines(), first):
                name, bar, index = line.rpartition("|")
                if bar and index.strip().isdecimal():
                    found[int(index)] = name
                elif line.strip():
                    raise InputError(
                        f"{beside}: line {number}: found {shown(line)}, expected a name, '|' and a"
                        " number"
                    )
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return list(GENRES)
        raise
    if sorted(found) != list(range(len(found))):
        raise InputError(f"{beside}: found the numbers {sorted(found)}, expected 0, 1, 2, ...")
    return [found[index] for index in range(len(found))]
