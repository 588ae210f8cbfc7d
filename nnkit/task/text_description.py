"""A description of the texts of a task, and notices about those that are cut or too long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nnkit.data.dataset import Samples
from nnkit.data.text.text_checks import TextSet, check_texts
from nnkit.data.text.text_coding import TextEncoder, place_of
from nnkit.data.texts import is_text
from nnkit.decoding.greedy import Greedy
from nnkit.decoding.method import Decoding
from nnkit.task.sequence_coding import SequenceCoding

ORDER = ("train", "validation", "test")
MOST_NAMED = 5  # texts in a notice


def describe_texts(
    coding: SequenceCoding, sets: Mapping[str, Samples], classes: Sequence[str] | None = None
) -> dict[str, Any]:
    """Describes the vocabularies, the lengths of texts, and what was found in them, for JSON.

    Args:
        coding: the vocabularies.
        sets: the sets, with texts as inputs.
        classes: the names of the classes of texts; None if texts have none.
    """
    targets = coding.targets if is_text(sets["train"].targets) else None
    found = {
        name: TextSet(
            samples.inputs[:],
            samples.targets[:] if targets is not None else None,
            samples.lines,
            samples.file,
        )
        for name, samples in sorted(sets.items(), key=lambda item: ORDER.index(item[0]))
    }
    report = check_texts(found, coding.inputs, targets)
    return {
        "first": _first(sets["train"], classes),
        "vocabularies": {
            "inputs": _vocabulary(coding.inputs),
            "targets": None if targets is None else _vocabulary(targets),
        },
        "lengths": {place: asdict(lengths) for place, lengths in report.lengths.items()},
        "findings": [
            {**asdict(finding), "message": finding.message} for finding in report.findings
        ],
    }


def _first(samples: Samples, classes: Sequence[str] | None) -> dict[str, str | None]:
    """The first sample as read, which shows which side is which."""
    target = samples.targets[:1][0]
    if classes is not None:
        target = classes[target]
    return {
        "input": str(samples.inputs[:1][0]),
        "target": None if np.size(target) == 0 else str(target),
    }


def _vocabulary(encoder: TextEncoder) -> dict[str, Any]:
    table = encoder.symbols
    return {
        "unit": encoder.coding.unit.tag(),
        "symbols": len(table),
        "reserved": [symbol.name.lower() for symbol in table.reserved],
        "most_frequent": list(table.pieces[:10]),
    }


def cut_notices(coding: SequenceCoding, sets: Mapping[str, Samples]) -> Iterator[str]:
    """Yields for each set how many of its texts are cut to the greatest length."""
    sides = [(coding.inputs, "inputs"), (coding.targets, "targets")]
    for encoder, side in sides[: 2 if coding.predicts in ("tags", "text") else 1]:
        if encoder is None or encoder.coding.longest is None:
            continue
        for name, samples in sets.items():
            texts = samples.inputs if side == "inputs" else samples.targets
            cut = encoder.encode_all(texts[:], samples.lines, samples.file).cut
            if cut:
                named = ", ".join(
                    place_of(i, samples.lines, samples.file) for i in cut[:MOST_NAMED]
                )
                more = ", …" if len(cut) > MOST_NAMED else ""
                yield (
                    f"{name}: {len(cut):,} of {len(samples):,} {side} are cut to "
                    f"{encoder.coding.longest:,} symbols: {named}{more}"
                )


def length_notices(
    coding: SequenceCoding, sets: Mapping[str, Samples], decoding: Decoding | None
) -> Iterator[str]:
    """Yields for each set but the training set how many targets are longer than texts are written.

    No texts are written for the training set.

    Args:
        coding: the vocabularies.
        sets: the sets, with texts as inputs and targets.
        decoding: how texts are written; None for greedy decoding.
    """
    if coding.predicts != "text" or coding.targets is None:
        return
    limit = (decoding or Greedy()).max_length
    for name, samples in sets.items():
        if name == "train":
            continue
        inputs = coding.inputs.encode_all(samples.inputs[:], samples.lines, samples.file)
        targets = coding.targets.encode_all(samples.targets[:], samples.lines, samples.file)
        lengths = np.diff(targets.offsets)
        too_long = lengths > limit.lengths(np.diff(inputs.offsets))
        if too_long.any():
            yield (
                f"{name}: {too_long.sum():,} of {len(samples):,} targets are longer than "
                f"decoding.max_length lets the network write; the longest has "
                f"{lengths.max():,} symbols"
            )
