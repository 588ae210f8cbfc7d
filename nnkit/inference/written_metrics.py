"""Metrics of the texts that a model with a decoder writes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnkit.data.text.references import collect_references
from nnkit.inference.text_writer import TextWriter
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.metric import Metric
from nnkit.nn.model import Model
from nnkit.task.prepared_set import Writing


def written_metrics(
    model: Model, writing: Writing, metrics: Sequence[Metric[Any]]
) -> dict[str, float]:
    """Compares the texts that a model writes with their references.

    The model sees the sources alone, not the symbols of the references, as it does when it is
    used. Each source counts once; all its targets in the set are its references.

    Args:
        model: a model with a decoder.
        writing: the texts.
        metrics: metrics of texts.
    """
    pairs, targets = writing.pairs, writing.coding.targets
    assert targets is not None
    found = collect_references(
        pairs.inputs[:].tolist(),
        map(targets.normalize, pairs.targets[:].tolist()),
        writing.coding.inputs.normalize,
    )
    writer = TextWriter(model, writing.coding, writing.method)
    hypotheses = [best.text for best, *_ in writer.write(found.sources)]
    accumulator = Accumulator(metrics, 0)
    accumulator.add(found.references, lambda _: hypotheses, np.ones(len(hypotheses)))
    return accumulator.figures()
