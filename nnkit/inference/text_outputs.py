"""The outputs of a network for sequences of different lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnkit.data.ragged import Ragged
from nnkit.data.sequence_batches import batches_of_similar_length
from nnkit.nn.batch_axis import batch_first
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.task.prepared_set import most_symbols

MOST_SEQUENCES = 1000  # in a batch


def outputs_of(model: Model, inputs: Ragged, execution: Execution | None = None) -> Array | Ragged:
    """The outputs for sequences, processed in batches of similar length.

    Args:
        model: the network.
        inputs: the sequences of ids.
        execution: execution settings; default: those of the model.

    Returns:
        The outputs (n, outputs), or, if there is an output at each position, as sequences of the
        lengths of the inputs, whose values are (outputs,).
    """
    form, count = model.output_form, len(inputs)
    offsets = np.cumsum([0, *inputs.lengths]) if form.positions else np.arange(count + 1)
    values = np.empty((offsets[-1], form.channels), model.dtype)
    symbols = most_symbols(form.channels if form.positions else 1)
    for chosen in batches_of_similar_length(
        inputs.lengths, np.arange(count), MOST_SEQUENCES, symbols
    ):
        part = replace(inputs[chosen], fewest=model.length_limits.fewest)
        X = part.padded()
        with model.lent(len(chosen), execution, X.shape[:-1]) as network:
            Y = network.forward(X, Pass(training=False, lengths=part.lengths))
            if not form.positions:
                values[chosen] = batch_first(Y)
                continue
            for column, (start, length) in enumerate(
                zip(offsets[chosen], part.lengths, strict=True)
            ):
                values[start : start + length] = Y[:, :length, column].T
    return Ragged.of(values, offsets) if form.positions else values
