"""Scores of given outputs, and how often a search misses a better one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnkit.decoding.decoder import Array, DecoderStep, Sentences, checked_logs, totals_with
from nnkit.decoding.method import Decoding


def score_outputs(
    method: Decoding,
    step: DecoderStep,
    state: Any,
    sentences: Sentences,
    outputs: Sequence[Sequence[int]],
) -> tuple[Array, Array]:
    """The log-probabilities and the scores of given outputs, by teacher forcing, (n,) each.

    They are summed as in decoding: those of a decoded output are those of its `Hypothesis`, bit for
    bit, if no column of `step` depends on the others. Restrictions do not apply.

    Args:
        method: the method by which outputs are scored.
        step: a step of the decoder.
        state: its first state, with a column for each sentence.
        sentences: the sentences.
        outputs: the symbols of an output for each sentence, with the end symbol, if it has one.
    """
    lengths = np.array([len(output) for output in outputs], dtype=np.int64)
    totals = np.zeros(len(outputs))
    attention: dict[int, Array] = {}
    live = np.flatnonzero(lengths)
    state, inputs = state.select(live), sentences.starts[live]
    for t in range(int(lengths.max(initial=0))):
        log_probabilities, weights, state = step(state, inputs)
        inputs = np.array([outputs[int(i)][t] for i in live])
        logs = checked_logs(log_probabilities)
        totals[live] = totals_with(logs, totals[live], inputs, np.arange(len(live)))
        if weights is not None:
            for column, i in enumerate(live.tolist()):
                own = weights[:, column].astype(np.float64)
                attention[i] = attention[i] + own if t else own
        going = np.flatnonzero(lengths[live] > t + 1)
        live, inputs, state = live[going], inputs[going], state.select(going)
    scores = [
        method.score(
            float(totals[i]), len(output), attention.get(i), int(sentences.source_lengths[i])
        )
        for i, output in enumerate(outputs)
    ]
    return totals, np.array(scores)


def search_errors(found: Array, references: Array) -> float:
    """The fraction of sentences whose reference has a higher score than the output that was found.

    There, the search is at fault, not the model: Stahlberg & Byrne 2019, On NMT search errors and
    model errors: cat got your tongue?

    Args:
        found: scores of the outputs, (n,), with n at least 1.
        references: scores of the references by the same method, (n,).
    """
    return float(np.mean(references > found))
