"""Tests of the position of activations in a network: each rule holds for its example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nnkit.config.yaml import parse_yaml
from nnkit.nn.architecture import Activations, Architecture, build_stages
from nnkit.nn.form import Form
from nnkit.nn.layer_list import RULES, Rule
from nnkit.nn.layer_spec import LayerSpec
from tests.nn.examples import loss_of


def plain(text: str) -> Any:
    return parse_yaml(text, "example").plain()


def names(layers: Sequence[LayerSpec]) -> list[Any]:
    """Returns the kinds of layers and activations; a block is a nested list."""
    return [
        names(layer.layers_inside)
        if layer.layers_inside
        else (layer.applied_activation or layer).tag()
        for layer in layers
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text.partition(".")[0])
def test_each_rule_holds_for_its_example(rule: Rule) -> None:
    architecture = Architecture.model_validate({"layers": plain(rule.layers)})
    images = architecture.layers[0].tag() == "conv"
    shape = (1, 8, 8) if images else (9,)
    stages = build_stages(architecture, Activations(), loss_of("cross_entropy"), Form.of(shape))
    assert names([stage.spec for stage in stages]) == plain(rule.network)


def test_lists_inside_blocks_are_found_with_their_settings() -> None:
    layers = [{"residual": [{"dense": 4}, {"residual": [{"dense": 4}]}]}, {"dense": 3}]
    found = Architecture.model_validate({"layers": layers}).layer_list.with_blocks()
    block = ("architecture", "layers", 0)
    assert [each.path for each in found] == [("architecture",), block, (*block, "layers", 1)]
