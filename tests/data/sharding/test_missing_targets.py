"""Samples of shards without a target: dropped, they are as if they had never been written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

import nnkit
from nnkit.data.dataset import Array, Dataset
from nnkit.data.lazy import AllIndices, LazyArray
from nnkit.data.sharding import npy_shard
from nnkit.data.sharding.row_groups import RowGroups, ShardedArray
from nnkit.data.sharding.shard import Field, FieldType, Shard
from nnkit.data.sources.shards import Shards
from nnkit.errors import DataError
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from tests.data.files import write_shard, write_shards

SIZES = [40, 7, 33, 20]
RNG = np.random.default_rng(1)
X = RNG.normal(size=(100, 6)).astype(np.float32)
CLASSES = RNG.integers(0, 3, 100)
# Single rows, rows at both ends of a shard, and the whole second shard.
ABSENT = np.isin(np.arange(100), [0, 12, 13, 39, *range(40, 47), 60, 99])
LEFT = [36, 0, 32, 19]  # rows of each shard that have a target


@pytest.fixture(autouse=True)
def small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine samples in a row group, so that a shard has several."""
    monkeypatch.setattr(npy_shard, "GROUP", 24 * 9)


def numbers() -> Array:
    """Real targets, NaN for the samples without one."""
    return np.where(ABSENT, np.nan, X.sum(axis=1))


def write_tables(folder: Path, **columns: Any) -> Path:
    """Parquet files of the sizes above, with row groups of nine rows."""
    folder.mkdir(parents=True, exist_ok=True)
    ends = np.cumsum(SIZES)
    for number, (size, end) in enumerate(zip(SIZES, ends, strict=True)):
        part = pa.table(columns).slice(end - size, size)
        parquet.write_table(part, folder / f"{number}.parquet", row_group_size=9)
    return folder


def inputs(values: Array = X) -> dict[str, Array]:
    return {f"x{i}": values[:, i] for i in range(values.shape[1])}


def dropped(folder: Path, **settings: Any) -> Dataset:
    return Shards(path=str(folder), missing_target="drop", **settings).load()


def holds_the_others(dataset: Dataset, targets: Array) -> None:
    kept = ~ABSENT
    np.testing.assert_array_equal(np.asarray(dataset.samples.inputs), X[kept])
    np.testing.assert_array_equal(np.asarray(dataset.samples.targets), targets[kept])


def test_samples_without_a_target_are_dropped_and_counted(tmp_path: Path) -> None:
    dataset = dropped(write_shards(tmp_path, X, numbers(), SIZES))
    holds_the_others(dataset, numbers()[:, None])
    assert dataset.notices == (
        (
            f"{tmp_path}/000.targets.npy: row 0 (counted from 0): the target is missing; 13 of 100 "
            "samples lack it and are left out (missing_target: drop)"
        ),
    )
    origins = np.asarray(dataset.samples.origins)  # rows in the files, counted from 1
    assert origins[:2].tolist() == [f"{tmp_path}/000.inputs.npy:{row}" for row in (2, 3)]
    assert origins[-1] == f"{tmp_path}/003.inputs.npy:19"


@pytest.mark.parametrize("kind", ["classes", "numbers", "NaN", "lists"])
def test_missing_cells_of_parquet(kind: str, tmp_path: Path) -> None:
    """Whole numbers stay whole, although some are missing."""
    targets: Array = CLASSES
    if kind == "numbers":
        targets = X.sum(axis=1)[:, None]
    elif kind != "classes":
        targets = X[:, :2]
    label: Any = pa.array(targets.reshape(100, -1)[:, 0], mask=ABSENT)
    if kind == "NaN":
        targets = targets[:, :1]
        label = np.where(ABSENT, np.nan, targets[:, 0])
    elif kind == "lists":  # a missing list, or a missing value in it
        rows: list[Any] = [
            row if not lacks else None if i % 2 else [1.0, None]
            for i, (row, lacks) in enumerate(zip(targets.tolist(), ABSENT, strict=True))
        ]
        label = pa.array(rows, pa.list_(pa.float32(), 2))
    dataset = dropped(write_tables(tmp_path, **inputs(), label=label))
    holds_the_others(dataset, targets)
    assert dataset.classes == (("0", "1", "2") if kind == "classes" else None)
    with pytest.raises(DataError, match=r"0\.parquet: row 0 .*, as in 12 other samples; fill it"):
        Shards(path=str(tmp_path)).load()


def test_nothing_else_in_such_a_row_matters(tmp_path: Path) -> None:
    """Neither inputs nor weights need to be there, but those of other rows do."""
    lacking = X.copy()
    lacking[ABSENT] = np.nan
    weights = np.where(ABSENT, -1.0, 2.0)
    for number, part in enumerate(np.split(np.arange(100), np.cumsum(SIZES)[:-1])):
        write_shard(tmp_path, str(number), lacking[part], numbers()[part], weights[part])
    dataset = dropped(tmp_path)
    holds_the_others(dataset, numbers()[:, None])
    assert dataset.samples.weights is not None
    assert np.asarray(dataset.samples.weights).tolist() == [2.0] * 87
    cells = [None if lacks else 1.0 for lacks in ABSENT]
    holes = {**inputs(), "x1": pa.array(cells, pa.float32())}
    label = pa.array(CLASSES, mask=ABSENT)
    tables = write_tables(tmp_path / "tables", **holes, label=label)
    assert np.asarray(dropped(tables).samples.inputs)[:, 1].tolist() == [1.0] * 87
    cells[60 + 1] = None
    write_tables(tables, **{**holes, "x1": pa.array(cells, pa.float32())}, label=label)
    with pytest.raises(DataError, match=r"2\.parquet: column 'x1' has no value in row 14 \("):
        dropped(tables)


def test_training_is_that_on_shards_without_these_samples(tmp_path: Path) -> None:
    """The same samples in the same order, to the last bit of the weights."""
    kept = ~ABSENT
    whole = write_shards(tmp_path / "whole", X, numbers(), SIZES)
    others = write_shards(
        tmp_path / "others", X[kept], numbers()[kept], [size for size in LEFT if size]
    )
    found = [
        nnkit.train(config_of(folder, missing_target="drop"), runs=tmp_path / "runs").load()
        for folder in (whole, others)
    ]
    np.testing.assert_array_equal(found[0].model.params, found[1].model.params)


def config_of(folder: Path, **settings: Any) -> Config:
    return config_from(
        {
            "data": {
                "source": {"kind": "shards", "path": str(folder), "window": 24, **settings},
                "split": {"validation": 0, "test": 0},
            },
            "architecture": {"layers": [{"dense": 3}, {"dense": 1}]},
            "activation": {"output": "identity"},
            "loss": "squared_error",
            "training": {"epochs": 2, "batch_size": 7},
        }
    )


def test_other_shards_are_evaluated_without_such_samples(tmp_path: Path) -> None:
    kept = ~ABSENT
    own = write_shards(tmp_path / "own", X[kept][::-1], numbers()[kept], [87])
    model = nnkit.train(config_of(own, missing_target="drop"), runs=tmp_path / "runs").load()
    other = write_shards(tmp_path / "other", X, numbers(), SIZES)
    with pytest.warns(match="13 of 100 samples lack it and are left out"):
        lacking = model.evaluate(data=other)
    whole = model.evaluate(data=write_shards(tmp_path / "whole", X[kept], numbers()[kept], [87]))
    assert lacking.figures == whole.figures
    assert lacking.samples == whole.samples == 87


def test_shards_without_any_target(tmp_path: Path) -> None:
    write_shards(tmp_path, X, np.full(100, np.nan), SIZES)
    with pytest.raises(DataError, match="no sample has a target, so there is nothing to learn"):
        dropped(tmp_path)


class Sparse(Shard):
    """A shard in which each sample is its own row, some without a target."""

    def __init__(self, name: str, groups: list[list[bool]]) -> None:
        self.name, self.groups = name, groups
        self.row_groups = tuple(map(len, groups))
        kind = FieldType((), np.dtype(np.float32))
        self.fields = {"inputs": kind, "targets": kind}

    def read(self, field: Field, group: int, rows: Array | None = None) -> Array:
        first = sum(self.row_groups[:group])
        found = first + np.arange(self.row_groups[group], dtype=np.float32)
        if field == "targets":
            found[np.array(self.groups[group])] = np.nan
        return found if rows is None else found[rows]

    def place(self, field: Field) -> str:
        return self.name


GROUPS = st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=4)


@given(st.lists(GROUPS, min_size=1, max_size=4), st.data())
def test_every_sample_is_found_and_located(shards: list[Any], data: st.DataObject) -> None:
    expected = [
        (number, row)
        for number, groups in enumerate(shards)
        for row, lacks in enumerate(lacks for group in groups for lacks in group)
        if not lacks
    ]
    opened = [Sparse(str(number), groups) for number, groups in enumerate(shards)]
    counts = [sum(group) for groups in shards for group in groups]
    row_groups = RowGroups(opened, np.array(counts))
    assert len(row_groups) == len(expected)
    if not expected:
        return
    sample = st.integers(0, len(expected) - 1)
    chosen = np.array(data.draw(st.lists(sample, max_size=8)), dtype=np.int64)
    array = LazyArray(ShardedArray(row_groups, "inputs"), AllIndices(len(row_groups)))
    assert array[chosen].tolist() == [expected[i][1] for i in chosen]
    located = [row_groups.locate(int(i)) for i in chosen]
    assert [(int(shard.name), row) for shard, row in located] == [expected[i] for i in chosen]
