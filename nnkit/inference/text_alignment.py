"""The attention of a decoder to its source, for a text that it has written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnkit.data.text.symbol_table import Reserved
from nnkit.errors import DataError
from nnkit.inference.text_writer import TextWriter, WrittenText
from nnkit.nn.params import Array
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel


@dataclass(frozen=True)
class TextAlignment:
    """The attention of each symbol of a text to the symbols of its source.

    Attributes:
        source: the symbols of the source, as they are displayed.
        target: those of the text, and at last that of its end, if the model has produced it.
        weights: the weights of attention, (target, source), each row of sum 1.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: Array

    def record(self) -> dict[str, Any]:
        """The alignment as plain values for JSON."""
        weights = self.weights.astype(float).round(6).tolist()
        return {"source": self.source, "target": self.target, "weights": weights}


def align(writer: TextWriter, text: str, written: WrittenText) -> TextAlignment:
    """The attention with which a model computed the symbols of a text.

    Args:
        writer: the writer of the text.
        text: the source.
        written: what the model has written.

    Raises:
        DataError: the model has no decoder with attention, or there are no symbols.
    """
    model, coding = writer.model, writer.coding
    if not isinstance(model, Seq2SeqModel):
        raise DataError("this model has no attention: only a decoder reads a source")
    source, targets = coding.inputs.encode(text), coding.targets
    assert targets is not None
    ids = list(written.ids)
    if written.finish == "end":
        ids.append(targets.symbols.number(Reserved.END))
    if not len(source) or not text.strip():
        raise DataError("there is no attention to an empty text")
    weights = model.attention(source, ids)
    if weights is None:
        raise DataError("this model has no attention; add a layer 'attention' to its decoder")
    return TextAlignment(
        tuple(coding.inputs.symbols.names[i] for i in source),
        tuple(targets.symbols.names[i] for i in ids),
        weights,
    )
