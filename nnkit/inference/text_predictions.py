"""Predictions for texts: tags, translations and continuations; and texts that get none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import maxsize
from typing import Any

import numpy as np

from nnkit.data.ragged import Ragged
from nnkit.data.text.symbol_table import Reserved
from nnkit.data.texts import Array, text_array
from nnkit.errors import DataError
from nnkit.inference.text_outputs import outputs_of
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.task.sequence_coding import SequenceCoding

MANY = maxsize  # symbols: no limit
NO_SYMBOLS = "it has no symbols, so there is nothing to predict from"


def as_texts(X: Any) -> list[str]:
    """The texts that a user passes; a single text counts as a list of one.

    Raises:
        DataError: something else is among them.
    """
    texts = [X] if isinstance(X, str) else list(X)
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise DataError(f"this model takes texts, not {type(wrong[0]).__name__}")
    return list(map(str, texts))


def refused_texts(coding: SequenceCoding, model: Model, texts: Sequence[str]) -> dict[int, str]:
    """The texts that a model cannot take, by index, with the reason.

    Args:
        coding: the vocabularies of the model.
        model: the network.
        texts: the texts, (n,).
    """
    refused = {}
    for i, text in enumerate(texts):
        reason = _reason_to_refuse(coding, text, model.length_limits.most)
        if reason is not None:
            refused[i] = reason
    return refused


def checked_texts(coding: SequenceCoding, model: Model, X: Any) -> Array:
    """The texts that a user passes, as an array (n,).

    Raises:
        DataError: the model cannot take one of them.
    """
    texts = as_texts(X)
    for i, reason in refused_texts(coding, model, texts).items():
        raise DataError(f"text {i + 1}: {reason}")
    return text_array(texts)


def _reason_to_refuse(coding: SequenceCoding, text: str, most: int | None) -> str | None:
    """Why a text cannot be taken by layers that take at most so many symbols; None if it can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"character {error.start + 1} is not Unicode: {error.reason}"
    if "\0" in text:
        return f"character {text.index(chr(0)) + 1} is NUL; the text is damaged, or not text"
    settings = coding.inputs.coding
    longest = MANY if settings.longest is None else settings.longest
    is_cut = settings.too_long == "cut"
    most = min(MANY if most is None else most, MANY if is_cut else longest)
    may_be_empty = coding.predicts != "label"
    if may_be_empty and most == MANY:
        return None
    length = len(coding.inputs.split(text))
    if not length and not may_be_empty:
        return NO_SYMBOLS
    if (min(length, longest) if is_cut else length) <= most:
        return None
    return f"{length:,} symbols, but the model takes at most {most:,}; divide the text"


def unknown_symbols(coding: SequenceCoding, text: str) -> list[str]:
    """The symbols of a text that are not in the model's vocabulary."""
    return [symbol for symbol in coding.inputs.split(text) if symbol not in coding.inputs.symbols]


def tags_of(
    model: Model, coding: SequenceCoding, texts: Sequence[str], execution: Execution | None = None
) -> list[str]:
    """The likeliest tag of each symbol, as a text of tags for each text.

    The tag for unknown words is never predicted.

    Args:
        model: a model with an output at each position.
        coding: its vocabularies.
        texts: the texts, (n,). One without symbols has no tags.
        execution: threads and kernels; default: those of the model.
    """
    targets = coding.targets
    assert targets is not None
    found = outputs_of(model, coding.encode_inputs(text_array(texts)), execution)
    assert isinstance(found, Ragged)
    outputs = found.values.copy()
    numbers: Mapping[Any, int] = targets.symbols.numbers
    outputs[:, [numbers[s] for s in Reserved if s in numbers]] = -np.inf
    best = Ragged(np.argmax(outputs, axis=1), found.starts, found.lengths)
    return [targets.decode(each.tolist()) for each in best.each()]
