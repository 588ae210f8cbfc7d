"""The settings that all decoding methods share, and the outputs that they return."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Component, Count, Listed, NonNegative, Spec
from nnkit.decoding.decoder import Array, DecoderStep, OutputSymbols, Sentences

Finish = Literal["end", "stop", "length"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An output of a decoder.

    Attributes:
        symbols: the numbers of its symbols, without the end symbol.
        log_probability: Σ ln p of its symbols, and of the end symbol if the model has produced it.
        score: what outputs are ranked by: the log-probability, with the method's penalties.
        finish: why it ends: by the `end` symbol, by a `stop` symbol, or because it has reached its
            maximal `length`.
    """

    symbols: tuple[int, ...]
    log_probability: float
    score: float
    finish: Finish


class LengthLimit(Spec):
    """A limit on the length of each output, floor(factor · length of its source + constant)."""

    shorthand: ClassVar[str | None] = "constant"
    factor: NonNegative = Field(0.0, description="Symbols for each symbol of the source.")
    constant: Annotated[int, Field(ge=0, lt=1 << 31)] = Field(0, description="Symbols in addition.")

    def lengths(self, source_lengths: Array) -> Array:
        """The limit for each sentence, (n,), given the lengths of the sources, (n,)."""
        return np.floor(self.factor * source_lengths).astype(np.int64) + self.constant


class Decoding(Component):
    """A method that produces outputs symbol by symbol.

    Lengths count the symbols of an output with its forced prefix, but without the end symbol;
    limits are those of each sentence alone. Padding and start symbols are never produced.
    """

    max_length: LengthLimit = Field(
        LengthLimit(factor=2.0, constant=20),
        description="At this length the end symbol must follow; if the model has none, the output "
        "is cut after at least one symbol. The minimum yields to it.",
    )
    min_length: LengthLimit = Field(
        LengthLimit(), description="Neither the end symbol nor a stop symbol ends shorter outputs."
    )
    block_ngrams: Count | None = Field(
        None,
        description="The n of n-grams that no output contains twice. Where this and `min_length` "
        "leave no symbol, they are waived for that position.",
    )
    unknown: bool | Literal["copy"] = Field(
        False,
        description="Produce the symbol for unknown words, too; in a text, `copy` replaces it by "
        "the symbol of the source that has the most attention (Jean et al. 2015).",
    )
    exclude: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Symbols that are not produced."
    )
    stop: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Symbols that end an output, of which they are the last."
    )

    @property
    def of_attention(self) -> str | None:
        """The setting that needs a decoder with attention to its source, if there is one."""
        return "unknown" if self.unknown == "copy" else None

    @abstractmethod
    def decode(
        self, step: DecoderStep, state: Any, sentences: Sentences, symbols: OutputSymbols
    ) -> list[list[Hypothesis]]:
        """Produce the outputs for each sentence, the best first.

        The outputs for a sentence do not depend on the others in the batch, if a column of `step`
        does not.

        Args:
            step: a step of the decoder.
            state: its first state, with a column for each sentence.
            sentences: what is known of the sentences.
            symbols: the symbols of the model.

        Raises:
            SettingError: a setting names a symbol that the model does not have, or all symbols are
                excluded.
        """

    def score(
        self,
        log_probability: float,
        steps: int,
        attention: Array | None,
        source_length: int,
    ) -> float:
        """The number that complete outputs are ranked by, higher for better.

        Args:
            log_probability: Σ ln p of the symbols.
            steps: the number of symbols, with the end symbol if there is one.
            attention: Σ over the steps of the attention to each position of the source,
                (positions,); None for a model without attention.
            source_length: the number of positions of the source.
        """
        return log_probability


def in_order(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses by decreasing score; equal ones stay in their order."""
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)
