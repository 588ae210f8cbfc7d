"""Tests that every component is compared with an independent reference.

A new member of a union fails here until another library's values for it are in
tests/golden, or a test of its own is named below.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from nnkit.config.spec import Component, members
from nnkit.nn.activations import AnyActivation
from nnkit.nn.initializers import AnyInitializer
from nnkit.nn.layers import AnyLayer
from nnkit.nn.losses import AnyLoss
from nnkit.nn.seq2seq.decoder_layers import AnyDecoderLayer
from nnkit.optim.averaging import AnyAveraging
from nnkit.optim.clipping import AnyClipping
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.optim.schedules import AnySchedule
from tests.golden import Library, vectors
from tests.nn import test_initializers

TESTS = Path(__file__).parent

# The families in tests/golden with other libraries' values, for each union.
FAMILIES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "activations": (AnyActivation, ("activations",)),
    "losses": (AnyLoss, ("losses",)),
    "optimizers": (AnyOptimizer, ("optimizers",)),
    "schedules": (AnySchedule, ("schedules", "plateaus")),
    "layers": (AnyLayer, ("layers",)),
    "decoder layers": (AnyDecoderLayer, ("layers", "decoder layers")),
    "clippings": (AnyClipping, ("clippings",)),
    "averagings": (AnyAveraging, ("averagings",)),
    "initializers": (AnyInitializer, ()),
}

# Components verified otherwise: for each tag, the test that compares it with another program at
# run time, with a distribution, or with the formula of its paper.
TESTED: dict[str, dict[str, str]] = {
    "optimizers": {
        "lbfgs": "optim/test_lbfgs.py::test_finds_scipys_minimum",
        "pegasos": "optim/test_optimizers.py::test_pegasos_reaches_the_optimum_of_the_linear_svm",
    },
    "losses": {
        "map": "nn/test_losses.py::test_map_is_scipys_cross_entropy_with_one_more_class",
    },
    "layers": {
        "dropout": "nn/test_layers.py::test_dropout_keeps_the_mean_and_the_rate",
        "spatial_dropout": "nn/test_layers.py::test_spatial_dropout_leaves_out_whole_channels",
        "rbf": "nn/test_rbf.py::test_gives_minus_the_squared_distances_of_scipy",
        "noise": "nn/test_layers.py::test_noise_is_gaussian_and_follows_step_and_seed",
        "activation": "nn/test_activations.py::test_as_pytorch_computes_it",
        "positional_encoding": (
            "nn/test_sequence_layers.py::test_sinusoids_are_those_of_the_formula"
        ),
        "rows": "nn/test_layers.py::test_rows_are_those_of_the_image_from_top_to_bottom",
    },
    "decoder layers": {
        "dropout": "nn/test_layers.py::test_dropout_keeps_the_mean_and_the_rate",
        "noise": "nn/test_layers.py::test_noise_is_gaussian_and_follows_step_and_seed",
        "activation": "nn/test_activations.py::test_as_pytorch_computes_it",
    },
    "initializers": {
        TypeAdapter(AnyInitializer).validate_python(spec).tag(): (
            "nn/test_initializers.py::test_draws_what_it_says"
        )
        for spec, _ in test_initializers.ORACLES
    },
}


def golden(families: Iterable[str]) -> set[str]:
    """Returns the tags for which another library's values are stored."""
    libraries: tuple[Library, ...] = get_args(Library)
    return {
        case["spec"]["kind"]
        for library in libraries
        for family in families
        for case in vectors(library, family)
    }


@pytest.mark.parametrize("union", FAMILIES)
def test_every_member_has_an_oracle(union: str) -> None:
    annotation, families = FAMILIES[union]
    known: Mapping[str, type[Component]] = members(annotation)
    proved = golden(families) | set(TESTED.get(union, {}))
    assert set(known) - proved == set(), "add a case to tests/golden, or a test to TESTED"
    others = set(members(AnyLayer)) if union == "decoder layers" else set()
    assert proved - set(known) - others == set(), "the union has lost these"


@pytest.mark.parametrize("test", sorted({t for named in TESTED.values() for t in named.values()}))
def test_a_test_that_is_named_is_there(test: str) -> None:
    path, _, function = test.partition("::")
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
