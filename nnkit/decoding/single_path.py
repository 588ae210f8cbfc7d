"""Decoding that keeps one output for each column: greedy decoding and sampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.decoding.decoder import Array, DecoderStep, Sentences, checked_logs, totals_with
from nnkit.decoding.method import Hypothesis
from nnkit.decoding.restrictions import FINISHES, GOES_ON, Restrictions

# Chooses the next symbols (K,), given the log-probabilities of each, (symbols, K), −∞ where it is
# not permitted, and the numbers of the outputs (K,).
Choose = Callable[[Array, Array], Array]


def follow(
    step: DecoderStep,
    state: Any,
    sentences: Sentences,
    owners: Array,
    restrictions: Restrictions,
    choose: Choose,
) -> list[Hypothesis]:
    """Extend outputs symbol by symbol until each is finished; their score is the log-probability.

    Args:
        step: a step of the decoder.
        state: its first state, with a column for each output.
        sentences: the sentences of the batch.
        owners: the sentence of each output, (outputs,).
        restrictions: which symbols are permitted.
        choose: chooses the next symbols.
    """
    finished: dict[int, Hypothesis] = {}
    outputs = np.arange(len(owners))  # the number of the output in each column
    totals, inputs = np.zeros(len(owners)), sentences.starts[owners]
    history = np.empty((64, len(owners)), dtype=np.int64)
    length = 0
    while len(outputs):
        log_probabilities, _, state = step(state, inputs)
        logs = checked_logs(log_probabilities)
        restrictions.apply(logs, history[:length], owners)
        inputs = choose(logs, outputs)
        totals = totals_with(logs, totals, inputs, np.arange(len(inputs)))
        if length == len(history):
            history = np.concatenate([history, np.empty_like(history)])
        history[length] = inputs
        length += 1
        codes = restrictions.finishes(inputs, length, owners)
        if (codes == GOES_ON).all():
            continue
        for column in np.flatnonzero(codes != GOES_ON):
            symbols, total = restrictions.output(history[:length, column]), float(totals[column])
            reason = FINISHES[codes[column]]
            finished[int(outputs[column])] = Hypothesis(symbols, total, total, reason)
        live = np.flatnonzero(codes == GOES_ON)
        state, history = state.select(live), history[:, live]
        outputs, owners, totals, inputs = outputs[live], owners[live], totals[live], inputs[live]
    return [finished[number] for number in sorted(finished)]
