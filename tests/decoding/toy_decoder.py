"""A decoder whose probabilities depend on everything before, and an exhaustive search over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnkit.decoding.beam import Beam
from nnkit.decoding.decoder import Array, OutputSymbols, Sentences
from nnkit.decoding.method import Decoding
from nnkit.random import generator

END, START, UNKNOWN = 0, 1, 2  # the other symbols are a, b, c, …
ROWS = 997  # distributions, of which each beginning has one


def symbols_of(count: int, end: int | None = END) -> OutputSymbols:
    """Symbols of which the first are reserved, the others letters."""
    names = {chr(ord("a") + i - 3): i for i in range(3, count)}
    return OutputSymbols(count, end, (START,), UNKNOWN, names)


@dataclass(frozen=True)
class ToyState:
    """The sentence and the symbols of each column."""

    sentences: tuple[int, ...]
    prefixes: tuple[tuple[int, ...], ...]

    def select(self, columns: Array) -> ToyState:
        chosen = columns.tolist()
        return ToyState(
            tuple(self.sentences[i] for i in chosen), tuple(self.prefixes[i] for i in chosen)
        )


@dataclass
class ToyDecoder:
    """A decoder with a random distribution of the next symbol for each sentence and beginning.

    Attributes:
        seed: the seed of the distributions.
        count: the number of symbols.
        lengths: the length of the source of each sentence.
        levels: the number of distinct logits, few for many ties; 0 for any number.
        steps: the sentences of the columns of each step so far.
    """

    seed: int
    count: int = 6
    lengths: tuple[int, ...] = (3,)
    levels: int = 0
    steps: list[tuple[int, ...]] = field(default_factory=list)
    _known: dict[Any, tuple[Array, Array]] = field(default_factory=dict)

    def sentences(self, **more: Any) -> Sentences:
        return Sentences(
            np.full(len(self.lengths), START), np.array(self.lengths, dtype=np.int64), **more
        )

    def state(self) -> ToyState:
        n = len(self.lengths)
        return ToyState(tuple(range(n)), ((),) * n)

    def one(self, sentence: int, prefix: tuple[int, ...]) -> tuple[Array, Array]:
        """Log-probabilities (symbols,) in float32, and attention, (positions,)."""
        key = (sentence, prefix)
        if key not in self._known:
            row, length = hash(key) % ROWS, self.lengths[sentence]  # the same in every process
            attention = np.zeros(max(self.lengths), dtype=np.float32)
            attention[:length] = self._weights[row, :length] / self._weights[row, :length].sum()
            self._known[key] = self._log_probabilities[row].copy(), attention
        return self._known[key]

    def __post_init__(self) -> None:
        rng = generator(self.seed, "toy decoder")
        logits = 2 * rng.normal(size=(ROWS, self.count)) - 1.5 * (np.arange(self.count) == END)
        if self.levels:
            logits = rng.integers(self.levels, size=logits.shape).astype(float)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        self._log_probabilities = log_p.astype(np.float32)
        self._weights = rng.gamma(0.3, size=(ROWS, max(self.lengths, default=0))) + 1e-6

    def __call__(self, state: ToyState, symbols: Array) -> tuple[Array, Array, ToyState]:
        self.steps.append(state.sentences)
        longer = tuple(
            (*prefix, s) for prefix, s in zip(state.prefixes, symbols.tolist(), strict=True)
        )
        found = [self.one(*key) for key in zip(state.sentences, longer, strict=True)]
        log_probabilities = np.array([log_p for log_p, _ in found]).T
        attention = np.array([weights for _, weights in found]).T
        return log_probabilities, attention, ToyState(state.sentences, longer)


def all_outputs(
    decoder: ToyDecoder, method: Decoding, sentence: int
) -> list[tuple[float, tuple[int, ...]]]:
    """Scores and symbols of all permitted outputs, the best first, by the definitions."""
    letters = range(3, decoder.count)
    most = int(method.max_length.factor * decoder.lengths[sentence]) + method.max_length.constant
    least = int(method.min_length.factor * decoder.lengths[sentence]) + method.min_length.constant

    def outputs(begun: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(begun) >= min(least, most):
            yield begun
        if len(begun) < most:
            for letter in letters:
                n = method.block_ngrams
                grams = (
                    [(*begun, letter)[i : i + n] for i in range(len(begun) + 2 - n)] if n else []
                )
                if len(set(grams)) == len(grams):
                    yield from outputs((*begun, letter))

    scored = [(score_of(decoder, method, sentence, output), output) for output in outputs(())]
    return sorted(scored, key=lambda item: -item[0])


def plain_beam_search(
    decoder: ToyDecoder, method: Beam, sentence: int
) -> list[tuple[float, tuple[int, ...]]]:
    """Beam search by its description, with lists, for one sentence and without stopping early."""
    most = int(method.max_length.factor * decoder.lengths[sentence]) + method.max_length.constant
    live: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]  # ln P, and the symbols
    finished: list[tuple[float, tuple[int, ...]]] = []  # ln P / lp, and the symbols
    for length in range(1, most + 2):
        extended = []
        for total, output in live:
            log_p, _ = decoder.one(sentence, (START, *output))
            permitted = [END, *range(3, decoder.count)] if length <= most else [END]
            extended += [(total + float(log_p[s]), (*output, s)) for s in permitted]
        lp = method.lp(length)
        ranked = [(-total / lp, 1, i) for i, (total, _) in enumerate(extended)]
        ranked += [(-normalized, 0, i) for i, (normalized, _) in enumerate(finished)]
        kept = [extended[i] for _, is_new, i in sorted(ranked)[: method.width] if is_new]
        live = [(total, output) for total, output in kept if output[-1] != END]
        finished += [(total / lp, output[:-1]) for total, output in kept if output[-1] == END]
    scored = [(score_of(decoder, method, sentence, output), output) for _, output in finished]
    return sorted(scored, key=lambda item: -item[0])[: method.n_best]


def score_of(
    decoder: ToyDecoder, method: Decoding, sentence: int, output: tuple[int, ...]
) -> float:
    """The score of an output by its definition."""
    total, attention = 0.0, np.zeros(decoder.lengths[sentence])
    for t, symbol in enumerate((*output, END)):
        log_p, weights = decoder.one(sentence, (START, *output[:t]))
        total += float(log_p[symbol])
        attention += weights[: decoder.lengths[sentence]]
    if not isinstance(method, Beam):
        return total
    length, alpha = len(output) + 1, method.length_penalty
    if method.normalization == "wu":
        total *= 6**alpha / (5 + length) ** alpha
    else:
        total /= length**alpha
    return total + method.coverage_penalty * float(np.log(np.minimum(attention, 1)).sum())
