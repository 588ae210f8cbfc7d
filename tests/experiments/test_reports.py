"""Reports of a batch: which of its cells can be compared."""

from __future__ import annotations

from typing import Any

from nnkit.experiments.batch_file import Cell
from nnkit.experiments.groups import CellResult, Group
from nnkit.experiments.job import Ending
from nnkit.experiments.reports import comparable_groups, on_other_samples
from tests.runs.iris import iris_config


def group(*samples: str, data: str = "0", value: float | None = 0.5, **sections: Any) -> Group:
    """A cell with a run for each seed, evaluated on the test set of these samples."""
    results = []
    for seed, held_out in enumerate(samples):
        summary = {
            "results": {"test": {} if value is None else {"loss": value}},
            "data_sha256": data,
            "held_out_sha256": {"test": held_out},
        }
        cell = Cell(iris_config(seed=seed, **sections), {})
        results.append(CellResult(cell, Ending("completed", summary=summary)))
    return Group({}, results)


def test_cells_with_other_data_or_another_loss_are_apart() -> None:
    first, other_data, other_loss = group("a"), group("b", data="1"), group("a", loss="focal")
    other_rate, without = group("a", optimizer="sgd"), group("a", value=None)
    every = [first, other_data, other_loss, other_rate, without]
    assert comparable_groups(every, "test.loss") == [
        [other_data],
        [other_loss],
        [first, other_rate],
    ]


def test_other_columns_of_the_same_rows_can_be_compared() -> None:
    first, petals = group("a", "b"), group("a", "b", data="1")
    assert comparable_groups([first, petals], "test.loss") == [[first, petals]]
    assert on_other_samples([first, petals], "test.loss") == []


def test_cells_are_compared_seed_by_seed() -> None:
    first, same, more, other = group("a", "b"), group("a", "b"), group("a"), group("a", "c")
    assert on_other_samples([first, same, more, other], "test.loss") == [other]
