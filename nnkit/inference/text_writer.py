"""Texts written by a model, symbol by symbol: translations, and continuations of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from nnkit.data.ragged import Ragged
from nnkit.data.sequence_batches import batches_of_similar_length
from nnkit.data.text.symbol_table import Reserved
from nnkit.decoding import AnyDecoding
from nnkit.decoding.decoder import OutputSymbols, Sentences
from nnkit.decoding.greedy import Greedy
from nnkit.decoding.method import Hypothesis
from nnkit.decoding.sampling import Sampling
from nnkit.errors import DataError, SettingError
from nnkit.nn.model import Model
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.nn.stepper import Stepper
from nnkit.task.sequence_coding import SequenceCoding

MOST_SENTENCES = 256  # that are decoded together
MOST_TOKENS = 1 << 13  # symbols of sources that are decoded together, counted with padding


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A text that a model has written.

    Attributes:
        text: the text.
        symbols: its symbols, as they are displayed.
        ids: their numbers.
        log_probability: the logarithm of its probability.
        score: what texts are ranked by; higher is better.
        finish: why it ends, as in `Hypothesis`.
    """

    text: str
    symbols: tuple[str, ...] = field(repr=False)
    ids: tuple[int, ...] = field(repr=False)
    log_probability: float
    score: float
    finish: str


NOTHING = WrittenText("", (), (), 0.0, 0.0, "end")


@dataclass(frozen=True)
class TextWriter:
    """Writes texts with a model that computes the next symbol.

    Attributes:
        model: a model with a decoder, or a language model.
        coding: its vocabularies.
        method: the method that chooses symbols; None for greedy decoding of a decoder, and for
            sampling from a language model.
    """

    model: Model
    coding: SequenceCoding
    method: AnyDecoding | None = None

    @property
    def decoding(self) -> AnyDecoding:
        """The method that chooses symbols."""
        if self.method is not None:
            return self.method
        return Greedy() if isinstance(self.model, Seq2SeqModel) else Sampling()

    @cached_property
    def _continuing(self) -> AnyDecoding:
        """The method for continuations, whose greatest length counts the symbol they begin with."""
        limit = self.decoding.max_length
        if not self._has_no_start or not limit.constant:
            return self.decoding
        shorter = limit.model_copy(update={"constant": limit.constant - 1})
        return self.decoding.model_copy(update={"max_length": shorter})

    def write(
        self, texts: Sequence[str], keys: Sequence[int] | None = None
    ) -> list[list[WrittenText]]:
        """The texts written for each of some texts, the best first.

        Args:
            texts: sources to be translated, or beginnings to be continued. A source without symbols
                gives an empty text; a language model that knows how texts start writes a whole one.
            keys: numbers that key the random draws for each text, together with the seed; default:
                0 … n − 1.

        Raises:
            DataError: a text is too long.
            SettingError: the method names a symbol that the model does not have.
        """
        encoded = self.coding.inputs.encode_all(list(texts))
        sources = replace(
            Ragged.of(encoded.values, encoded.offsets), fewest=self.model.length_limits.fewest
        )
        written = [[NOTHING]] * len(texts)
        keyed = np.arange(len(texts)) if keys is None else np.asarray(keys)
        # Of blank lines there is nothing to translate, even where spaces are symbols.
        wanted = sources.lengths > 0
        is_translated = self.coding.predicts == "text"
        if is_translated:
            wanted &= np.array([bool(text.strip()) for text in texts], bool)
        elif not self._has_no_start:
            wanted[:] = True
        for chosen in batches_of_similar_length(
            sources.lengths, np.flatnonzero(wanted), MOST_SENTENCES, MOST_TOKENS
        ):
            found = self._decode(sources, chosen, keyed[chosen])
            for index, hypotheses in zip(chosen, found, strict=True):
                begun = [] if is_translated else sources[index : index + 1].flat().tolist()
                own = self.coding.inputs.split(texts[index])[: len(begun)]
                written[index] = [
                    self._written(found, begun, own, self._copied(texts[index], found))
                    for found in hypotheses
                ]
        return written

    def _decode(self, sources: Ragged, chosen: Array, keys: Array) -> list[list[Hypothesis]]:
        part = sources[chosen]
        with numerics():
            if isinstance(self.model, Seq2SeqModel):
                state = self.model.begin(part.padded(), part.lengths)
                starts = np.full(len(part), self.model.start_symbol)
                sentences = Sentences(starts, part.lengths, keys=keys)
                return self.decoding.decode(self.model.step, state, sentences, self._symbols)
            begun, stepper = self._begun(part, keys), self._stepper
            return self._continuing.decode(stepper.step, stepper.begin(), begun, self._symbols)

    @cached_property
    def _stepper(self) -> Stepper:
        try:
            return Stepper(self.model)
        except ValueError as error:
            raise DataError(f"this model cannot write texts: {error}") from None

    @property
    def _has_no_start(self) -> bool:
        """Whether there is no start symbol, since the model was trained on windows of texts."""
        return self.coding.windows is not None

    def _begun(self, part: Ragged, keys: Array) -> Sentences:
        """Beginnings of texts, which their continuations contain."""
        begun = [each.tolist() for each in part.each()]
        if not self._has_no_start:
            start = self.coding.inputs.symbols.number(Reserved.START)
            starts, prefixes = np.full(len(part), start), begun
        else:
            starts = np.array([each[0] for each in begun])
            prefixes = [each[1:] for each in begun]
        return Sentences(starts, part.lengths, prefixes, keys)

    @cached_property
    def _symbols(self) -> OutputSymbols:
        targets = self.coding.targets
        assert targets is not None
        numbers, first = targets.symbols.numbers, len(targets.symbols.reserved)
        never = [numbers[s] for s in (Reserved.PADDING, Reserved.START) if s in numbers]
        return OutputSymbols(
            count=len(targets.symbols),
            end=numbers.get(Reserved.END),
            never=tuple(never),
            unknown=numbers.get(Reserved.UNKNOWN),
            numbers={piece: first + i for i, piece in enumerate(targets.symbols.pieces)},
            text_of=targets.decode,
        )

    def _copied(self, source: str, hypothesis: Hypothesis) -> list[str]:
        """The symbols of the source that stand for unknown ones, if these are to be copied.

        Raises:
            SettingError: the model has no attention.
        """
        targets = self.coding.targets
        assert targets is not None
        unknown = targets.symbols.numbers.get(Reserved.UNKNOWN)
        if self.decoding.unknown != "copy" or unknown not in hypothesis.symbols:
            return []
        weights = None
        if isinstance(self.model, Seq2SeqModel):
            weights = self.model.attention(self.coding.inputs.encode(source), hypothesis.symbols)
        if weights is None:
            raise SettingError(
                ("decoding", "unknown"), "'copy' needs a decoder with attention to the source"
            )
        pieces = self.coding.inputs.split(source)
        chosen = weights[np.array(hypothesis.symbols) == unknown].argmax(axis=1)
        return [pieces[i] for i in chosen]

    def _written(
        self,
        hypothesis: Hypothesis,
        begun: Sequence[int],
        own: Sequence[str],
        copied: Sequence[str],
    ) -> WrittenText:
        """The text of a hypothesis.

        Args:
            hypothesis: what was found.
            begun: the symbols that it continues, of which it lacks the first if there is no start
                symbol.
            own: the same as the user wrote them, known or not.
            copied: symbols of the source that stand for unknown ones.
        """
        targets = self.coding.targets
        assert targets is not None
        symbols = (*(begun[:1] if self._has_no_start else ()), *hypothesis.symbols)
        return WrittenText(
            targets.decode(symbols[len(begun) :], copied, own),
            tuple(targets.symbols.names[symbol] for symbol in symbols),
            symbols,
            hypothesis.log_probability,
            hypothesis.score,
            hypothesis.finish,
        )
