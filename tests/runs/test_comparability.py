"""Comparability of results: of which runs, by which metrics."""

from __future__ import annotations

from typing import Any

import pytest

from nnkit.runs.comparability import Evaluated, comparable
from nnkit.task.config_loading import config_from
from tests.runs.iris import iris_config


def evaluated(**sections: Any) -> Evaluated:
    return Evaluated({**iris_config(**sections).resolved(), "data_sha256": "0"}, {})


def translator(**data: Any) -> Evaluated:
    config = config_from(
        {
            "data": {"source": {"kind": "dates"}, **data},
            "architecture": {
                "encoder": [{"embedding": 4}, {"gru": 4}],
                "decoder": [{"embedding": 4}, {"gru": 4}, {"dense": 9}],
            },
        }
    )
    return Evaluated({**config.resolved(), "data_sha256": "0"}, {})


def agree(metric: str, *runs: Evaluated) -> bool:
    return bool(frozenset.intersection(*(run.measures(metric).keys for run in runs)))


def test_groups_are_connected_by_shared_keys() -> None:
    keys = {"a": {1}, "b": {2}, "c": {3}, "d": {1, 2}, "e": {4}}
    groups = comparable(keys, lambda item: frozenset(keys[item]))
    assert [set(group) for group in groups] == [{"c"}, {"a", "b", "d"}, {"e"}]
    assert comparable([], lambda item: frozenset()) == []


@pytest.mark.parametrize(
    ("metric", "sections", "is_same"),
    [
        ("test.accuracy", {"loss": "focal"}, True),
        ("test.loss", {"loss": "focal"}, False),
        ("test.loss", {"optimizer": "sgd"}, True),
        ("train.loss", {"regularization": {"l2": 0.1}}, True),
        ("train.objective", {"regularization": {"l2": 0.1}}, False),
        ("train.objective", {"regularization": {"dropout": 0.1}}, True),
    ],
)
def test_a_metric_depends_on_these_settings(
    metric: str, sections: dict[str, Any], is_same: bool
) -> None:
    assert agree(metric, evaluated(), evaluated(**sections)) == is_same


@pytest.mark.parametrize(
    ("metric", "is_same"),
    [("test.loss", False), ("test.perplexity", False), ("test.bleu", True), ("test.chrf", True)],
)
def test_metrics_of_symbols_depend_on_what_a_symbol_is(metric: str, is_same: bool) -> None:
    by_word = translator(target_text={"unit": "word"})
    assert agree(metric, translator(target_text={"unit": "character"}), by_word) == is_same
