"""Texts as sequences of ids for a network, with vocabularies fitted on the training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from nnkit.data.dataset import Samples
from nnkit.data.ragged import Array, Ragged
from nnkit.data.text.symbol_table import Reserved
from nnkit.data.text.text_coding import TextCoding, TextEncoder, place_of
from nnkit.data.text_windows import TextWindows
from nnkit.data.texts import is_text
from nnkit.errors import DataError, SettingError
from nnkit.nn.form import Form

# What a network predicts of a text: a label or number, the next symbol at each position, a tag at
# each position, or another text.
Predicts = Literal["label", "next", "tags", "text"]
RESERVED: Mapping[Predicts, tuple[tuple[Reserved, ...], tuple[Reserved, ...]]] = {
    "label": ((Reserved.UNKNOWN,), ()),
    "next": ((Reserved.START, Reserved.END, Reserved.UNKNOWN), ()),
    "tags": ((Reserved.UNKNOWN,), (Reserved.UNKNOWN,)),
    "text": ((Reserved.UNKNOWN,), (Reserved.START, Reserved.END, Reserved.UNKNOWN)),
}


@dataclass(frozen=True)
class SequenceCoding:
    """Converts texts to sequences of ids.

    Attributes:
        predicts: what the network predicts of each text.
        inputs: converts input texts.
        targets: converts target texts; None if the targets are labels or numbers. For the next
            symbol it is `inputs`.
        windows: the windows that texts are divided into; None for whole texts.
    """

    predicts: Predicts
    inputs: TextEncoder
    targets: TextEncoder | None = None
    windows: TextWindows | None = None

    @classmethod
    def fit(
        cls,
        predicts: Predicts,
        coding: TextCoding,
        target_coding: TextCoding,
        windows: TextWindows | None,
        train: Samples,
    ) -> Self:
        """Builds the vocabularies from the training set alone.

        Args:
            predicts: what the network predicts of each text.
            coding: the coding of the input texts.
            target_coding: the coding of the target texts, if these are texts.
            windows: the windows that texts are divided into, or None.
            train: the training set, with texts as inputs.

        Raises:
            DataError: there are no symbols in the texts.
        """
        of_inputs, of_targets = RESERVED[predicts]
        if windows is not None:
            of_inputs = (Reserved.UNKNOWN,)
        inputs = coding.fit(train.inputs[:].tolist(), of_inputs)
        if predicts == "next":
            return cls(predicts, inputs, inputs, windows)
        if predicts == "label":
            return cls(predicts, inputs)
        targets = target_coding.fit(train.targets[:].tolist(), of_targets)
        return cls(predicts, inputs, targets)

    @property
    def target_names(self) -> tuple[str, ...]:
        """The names of the target symbols, by number; empty for labels and numbers."""
        return () if self.targets is None else self.targets.symbols.names

    @property
    def input_form(self) -> Form:
        """The form of a text as ids."""
        return Form(len(self.inputs.symbols), (None,), ids=True)

    def encode_inputs(self, texts: Array) -> Ragged:
        """Input texts (n,) as ids.

        Raises:
            DataError: a text is too long.
        """
        found = self.inputs.encode_all(texts.tolist())
        return Ragged.of(found.values, found.offsets)

    def encode(self, samples: Samples) -> tuple[Ragged, Ragged | None]:
        """Inputs as ids, and targets as class numbers if they are sequences.

        Raises:
            DataError: a text is too long, or has not as many tags as symbols.
        """
        inputs = _encoded(self.inputs, samples.inputs[:], samples)
        if self.predicts == "next":
            return self._next_symbols(inputs)
        if self.targets is None:
            return inputs, None
        targets = _encoded(self.targets, samples.targets[:], samples)
        if self.predicts == "tags":
            _check_tags(inputs, targets, samples)
            return inputs, targets
        return inputs, with_symbol(targets, self.targets.symbols.number(Reserved.END), at_end=True)

    def check_lengths(self, inputs: Ragged, most: int | None, samples: Samples) -> None:
        """Checks that a network takes the longest of the encoded inputs.

        Args:
            inputs: the ids of the samples, or of windows of them.
            most: the greatest length that it takes; None for any.
            samples: the samples, for the message.

        Raises:
            DataError: a text is longer.
        """
        if most is None or inputs.lengths.max(initial=0) <= most:
            return
        longest = int(np.argmax(inputs.lengths))
        lines = samples.lines if self.windows is None else None
        raise DataError(
            f"{place_of(longest, lines, samples.file)}: {inputs.lengths[longest]:,} symbols, but "
            f"the layers take at most {most:,}; raise 'length' of positional_encoding, or cut such "
            f"texts: data.text: {{longest: {most}, too_long: cut}}"
        )

    def _next_symbols(self, texts: Ragged) -> tuple[Ragged, Ragged]:
        if self.windows is not None:
            return self.windows.next_symbols(texts)
        symbols = self.inputs.symbols
        ends = with_symbol(texts, symbols.number(Reserved.END), at_end=True)
        return with_symbol(texts, symbols.number(Reserved.START), at_end=False), ends

    def record(self) -> dict[str, Any]:
        """The vocabularies as plain values for a checkpoint's header."""
        own = self.targets is not None and self.targets is not self.inputs
        return {
            "predicts": self.predicts,
            "inputs": self.inputs.record(),
            "targets": self.targets.record() if own and self.targets is not None else None,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], windows: TextWindows | None) -> Self:
        """Restores the coding of a checkpoint."""
        inputs, saved = TextEncoder.from_record(record["inputs"]), record["targets"]
        targets = inputs if record["predicts"] == "next" else None
        if saved is not None:
            targets = TextEncoder.from_record(saved)
        return cls(record["predicts"], inputs, targets, windows)


def predicted(samples: Samples, targets: str, *, has_decoder: bool) -> Predicts:
    """The kind of prediction that a network makes of texts.

    Args:
        samples: the samples, with texts as inputs.
        targets: the setting `data.targets`.
        has_decoder: whether the network has an encoder and a decoder.

    Raises:
        SettingError: the targets are the inputs, or a decoder has no texts to predict.
    """
    if targets == "next":
        return "next"
    if targets == "inputs":
        raise SettingError(
            ("data", "targets"), "texts cannot be targets of themselves; 'next' predicts symbols"
        )
    if is_text(samples.targets):
        return "text" if has_decoder else "tags"
    if has_decoder:
        raise SettingError(("architecture", "decoder"), "this data has no texts to predict")
    if samples.targets.shape[1:] == (0,):
        raise SettingError(
            ("data", "targets"), "this data is text without labels; use 'next' to predict symbols"
        )
    return "label"


def with_symbol(sequences: Ragged, symbol: int, *, at_end: bool) -> Ragged:
    """Sequences with one more symbol, at their beginning or their end."""
    lengths = sequences.lengths + 1
    offsets = np.cumsum([0, *lengths])
    values = np.empty(offsets[-1], sequences.dtype)
    added = offsets[1:] - 1 if at_end else offsets[:-1]
    others = np.ones(len(values), bool)
    others[added] = False
    values[added], values[others] = symbol, sequences.flat()
    return Ragged.of(values, offsets)


def _encoded(encoder: TextEncoder, texts: Array, samples: Samples) -> Ragged:
    """Texts of samples, (n,), as ids."""
    found = encoder.encode_all(texts, samples.lines, samples.file)
    return Ragged.of(found.values, found.offsets)


def _check_tags(inputs: Ragged, targets: Ragged, samples: Samples) -> None:
    wrong = np.flatnonzero(inputs.lengths != targets.lengths)
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            f"{place_of(first, samples.lines, samples.file)}: {inputs.lengths[first]} symbols, but "
            f"{targets.lengths[first]} tags; a network without a decoder predicts one for each "
            "symbol"
        )
