"""Tests of the table of a network's layers."""

from __future__ import annotations

from typing import Any

from nnkit.cli.layers import layer_table
from nnkit.nn.form import Form
from nnkit.nn.model_summary import describe
from tests.nn.examples import model_of


def test_a_length_that_varies_is_any() -> None:
    layers: list[Any] = [{"embedding": 8}, {"gru": 5}, {"dense": 3}]
    table = layer_table(describe(model_of(layers, Form(30, (None,), ids=True))))
    first, second = table.splitlines()[1:3]
    assert first.split() == ["layers.0", "embedding", "8", "×", "any", "240", "0", "64", "B", "1"]
    assert second.endswith("any")
    assert table.endswith("any: the length varies; MFLOPs and memory count one position")


def test_a_network_of_fixed_sizes_needs_no_remark() -> None:
    assert "any" not in layer_table(describe(model_of([{"dense": 3}], (5,))))
