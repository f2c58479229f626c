"""The world behind the synthetic lists: what queries and documents are, and who likes what."""

from __future__ import annotations

import dataclasses
import math
import statistics

import numpy as np

BRANDS = 50
_NUMBERS = ("clicks", "price", "age_days", "rating", "quality", "words")
_PREFERENCES = {
    "buy": (0.8, -0.8, 0.0, 0.5, 0.2, 0.0),
    "compare": (0.2, 0.3, -0.3, 0.6, 0.2, 0.9),
    "learn": (0.6, 0.0, 0.8, 0.1, -0.1, -0.7),
    "repair": (-0.5, 0.2, 0.6, 0.2, 0.8, 0.5),
    "browse": (0.5, 0.8, -0.8, 0.4, 0.1, -0.3),
    "give": (0.1, -0.5, -0.5, -0.2, 0.9, -0.6),
}
"""For each intent the weights of the numbers that matter, in their order."""
_TOPICS = ("bikes", "books", "cameras", "gardens", "guitars", "kitchens")
_DEVICES = ("desktop", "phone", "tablet")
_CATEGORIES = 40
_TOPIC_WORDS, _COMMON_WORDS = 12, 20
_SAME_TOPIC = 0.4
"""How often a document has the query's topic on purpose; it can have it by chance as well."""
_AFFINITY, _MATCH, _APPEAL, _NOISE = 0.8, 2.0, 0.35, 0.1
"""The weights of the utility's parts beside the numbers, and the noise of the grades."""
_SCALE = math.sqrt(1 + _AFFINITY**2 + _MATCH**2 / 4 + _APPEAL**2)
"""About the standard deviation of the utility."""
_QUANTILES = (0.55, 0.75, 0.88, 0.96)
"""The shares of documents below the grades 1, 2, 3 and 4, if the utility were normal."""


@dataclasses.dataclass(frozen=True)
class Queries:
    """`n` queries: `[n]` indices of their intent and of their topic."""

    intent: np.ndarray
    topic: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, n: int) -> Queries:
        """Draws intents and topics, all equally likely."""
        return cls(rng.integers(0, len(_PREFERENCES), n), rng.integers(0, len(_TOPICS), n))

    def columns(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Returns what is seen of the queries: the intent, words of the topic, a device."""
        return {
            "intent": np.array(list(_PREFERENCES), "S")[self.intent],
            "query_tokens": _words(rng, self.topic, width=4, at_least=2),
            "device": np.array(_DEVICES, "S")[rng.integers(0, len(_DEVICES), len(self.intent))],
        }


@dataclasses.dataclass(frozen=True)
class Documents:
    """The documents of all lists, list after list.

    Attributes:
      query: `[n_documents]` the index of each document's query.
      topic: `[n_documents]` topics.
      category: `[n_documents]` categories, a few of them frequent.
      brand: `[n_documents]` brands.
      numbers: `[n_documents, 6]` standard normal; the columns are monotone functions of them.
    """

    query: np.ndarray
    topic: np.ndarray
    category: np.ndarray
    brand: np.ndarray
    numbers: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, queries: Queries, sizes: np.ndarray) -> Documents:
        """Draws documents for each query; part of them have its topic."""
        query = np.repeat(np.arange(len(sizes)), sizes)
        n = len(query)
        on_purpose = rng.random(n) < _SAME_TOPIC
        return cls(
            query=query,
            topic=np.where(on_purpose, queries.topic[query], rng.integers(0, len(_TOPICS), n)),
            category=rng.choice(_CATEGORIES, n, p=_zipf()),
            brand=rng.integers(0, BRANDS, n),
            numbers=rng.standard_normal((n, len(_NUMBERS))),
        )

    def columns(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Returns what is seen of the documents, each number on its natural scale."""
        clicks, price, age, rating, quality, words = self.numbers.T
        n = len(self.query)
        return {
            "clicks": np.clip(np.expm1(5.5 + 1.8 * clicks), 0, 100_000),
            "price": np.round(np.exp(3.5 + 0.9 * price), 2),
            "age_days": np.clip(np.expm1(4.5 + 1.2 * age), 0, 20_000).round(),
            "rating": np.clip(3.3 + 0.5 * rating, 1, 5).round(2),
            "quality": 1 / (1 + np.exp(-1.2 * quality)),
            "words": np.clip(800 + 230 * words, 10, None).round(),
            "checksum": rng.integers(0, 1_000_000, n),
            "jitter": rng.standard_normal(n),
            "category": np.array([b"category%02d" % c for c in range(_CATEGORIES)])[self.category],
            "brand": self.brand,
            "title_tokens": _words(rng, self.topic, width=6, at_least=3),
        }


def utilities(seed: int, queries: Queries, documents: Documents) -> tuple[np.ndarray, np.ndarray]:
    """Returns each document's utility for its query, and its mean over all queries.

    Both are `[n_documents]` float64, and known up to a constant.
    """
    rng = np.random.default_rng([seed, 0])
    weights = np.array(list(_PREFERENCES.values()))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    affinity = rng.standard_normal((len(weights), _CATEGORIES))
    affinity -= (affinity @ _zipf())[:, None]
    affinity *= _AFFINITY / np.sqrt(affinity**2 @ _zipf())[:, None]
    appeal = rng.standard_normal(BRANDS)
    appeal = (_APPEAL * (appeal - appeal.mean()) / appeal.std())[documents.brand]

    intent, numbers, category = (
        queries.intent[documents.query],
        documents.numbers,
        documents.category,
    )
    match = documents.topic == queries.topic[documents.query]
    informed = (weights[intent] * numbers).sum(axis=1) + affinity[intent, category]
    blind = numbers @ weights.mean(axis=0) + affinity.mean(axis=0)[category]
    expected_match = _SAME_TOPIC + (1 - _SAME_TOPIC) / len(_TOPICS)
    return informed + _MATCH * (match - expected_match) + appeal, blind + appeal


def grades(rng: np.random.Generator, utility: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns `[n_documents]` grades from 0 to 4; in each list one at least is above 0."""
    cuts = [_SCALE * statistics.NormalDist().inv_cdf(share) for share in _QUANTILES]
    noisy = utility + _NOISE * _SCALE * rng.standard_normal(len(utility))
    found = np.digitize(noisy, cuts)
    starts = np.cumsum(sizes) - sizes
    best = noisy == np.repeat(np.maximum.reduceat(noisy, starts), sizes)
    return np.where(best, np.maximum(found, 1), found)


def _zipf() -> np.ndarray:
    frequency = 1 / np.arange(1, _CATEGORIES + 1)
    return frequency / frequency.sum()


def _words(
    rng: np.random.Generator, topics: np.ndarray, *, width: int, at_least: int
) -> np.ndarray:
    """Draws words, eight in ten of them from the topic; a short row ends in empty strings."""
    shape = (len(topics), width)
    own = np.array([[b"%s%d" % (t.encode(), w) for w in range(_TOPIC_WORDS)] for t in _TOPICS])
    common = np.array([b"common%d" % word for word in range(_COMMON_WORDS)])
    drawn = np.where(
        rng.random(shape) < 0.8,
        own[topics[:, None], rng.integers(0, _TOPIC_WORDS, shape)],
        common[rng.integers(0, _COMMON_WORDS, shape)],
    )
    lengths = rng.integers(at_least, width + 1, len(topics))
    return np.where(np.arange(width) < lengths[:, None], drawn, b"")
