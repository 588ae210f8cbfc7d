"""Tests of the summary of a model: rows, receptive fields, and lengths that vary."""

from __future__ import annotations

from typing import Any

import pytest

from nnkit.nn.form import Form
from nnkit.nn.model_summary import describe
from tests.nn.examples import model_of

LAYERS = [{"dense": {"units": 4, "activation": "relu"}}, {"dense": 6}, {"dense": 3}]


def test_description_has_a_row_for_each_stage() -> None:
    model = model_of(["flatten", *LAYERS], (1, 5))
    rows = describe(model)
    assert [(row["name"], row["kind"], row["output_shape"]) for row in rows[:3]] == [
        ("layers.0", "flatten", (5,)),
        ("layers.1", "dense", (4,)),
        ("layers.1.activation", "relu", (4,)),
    ]
    assert (rows[-1]["name"], rows[-1]["kind"]) == ("output", "softmax")
    assert sum(row["parameters"] for row in rows) == model.layout.size


@pytest.mark.parametrize(
    ("layers", "fields"),
    [
        ([{"conv": {"filters": 2, "kernel": 3}}, {"max_pool": 2}], [(3, 3), (3, 3), (4, 4)]),
        (["flatten", {"reshape": [1, 8, 6]}, {"conv": {"filters": 2, "kernel": 3}}], [(1, 1)] * 2),
        ([{"reshape": [8, 6]}, {"conv": {"filters": 2, "kernel": 3}}], [None, None]),
        ([{"residual": [{"reshape": [6, 8]}, "batch_norm", {"reshape": [1, 8, 6]}]}], [(8, 6)]),
    ],
    ids=str,
)
def test_receptive_field(layers: list[Any], fields: list[Any]) -> None:
    rows = describe(model_of([*layers, "flatten", {"dense": 3}], (1, 8, 6)))
    assert [row["receptive_field"] for row in rows[: len(fields)]] == fields
    assert rows[-1]["receptive_field"] == (8, 6)


def test_a_length_that_varies_is_described_as_any_and_counts_as_one() -> None:
    sequence = {"lstm": {"units": 5, "output": "all"}}
    layers = [{"embedding": 8}, {"conv": {"filters": 4, "kernel": 3}}, sequence, {"dense": 3}]
    rows = describe(model_of(layers, Form(30, (None,), ids=True)))
    found = [(row["output_shape"], row["receptive_field"], row["bytes"]) for row in rows]
    assert found[0] == ((8, None), (1,), 64)
    assert found[1] == ((4, None), (3,), 32)
    assert found[3:5] == [((5, None), (None,), 40), ((3, None), (None,), 24)]
    whole = describe(model_of([{"lstm": 5}, {"dense": 3}], (4, 7)))
    assert [row["receptive_field"] for row in whole] == [(7,), (7,), (7,)]
