"""A folder of shards: opened, checked and made into a data set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from nnkit.data.dataset import Array, Column, Dataset, Samples
from nnkit.data.lazy import AllIndices, Computed, LazyArray
from nnkit.data.missing_targets import MissingTargets, OnMissing
from nnkit.data.sharding import shard as sharding
from nnkit.data.sharding.npy_shard import SUFFIXES, NpyShard
from nnkit.data.sharding.parquet_shard import ParquetShard
from nnkit.data.sharding.row_groups import RowGroups, ShardedArray
from nnkit.data.sharding.shard import Shard
from nnkit.data.sharding.window_shuffle import WindowShuffle
from nnkit.errors import DataError, SettingError
from nnkit.memory import ReusedMemory

PARQUET = ".parquet"
MOST_CLASSES = 1000  # or as many as there are samples, if those are more
DEFAULT_LABEL = "label"


def open_shards(
    folder: Path, label: str | None, weights: str | None, on_missing: OnMissing
) -> tuple[RowGroups, MissingTargets]:
    """Opens all shards of a folder, and checks that they fit together.

    Args:
        folder: the folder.
        label: the column of targets in Parquet files; None for `label`.
        weights: the column of sample weights in Parquet files, or None.
        on_missing: what becomes of samples without a target.

    Returns:
        The samples that have a target, and how many have none.

    Raises:
        DataError: a shard is missing, damaged, or does not fit the others.
        SettingError: a column is named, but there are no Parquet files.
    """
    files = _files(folder)
    parquet = [file for file in files if file.suffix == PARQUET]
    if parquet:
        if len(parquet) < len(files):
            other = next(file for file in files if file.suffix != PARQUET)
            raise DataError(
                f"{folder}: contains both {parquet[0].name} and {other.name}; "
                "keep shards of one format in a folder"
            )
        _check_order(folder, [file.name for file in parquet])
        shards = [ParquetShard(file, label or DEFAULT_LABEL, weights) for file in parquet]
        return _groups(folder, shards, on_missing)
    for name, column in (("label", label), ("weights", weights)):
        if column is not None:
            raise SettingError(
                ("data", "source", name),
                f"names a column of Parquet files, but {folder} contains .npy files; remove it",
                exit_code=3,
            )
    stems = _stems(files)
    _check_order(folder, stems)
    weighted = any(file.name.endswith(SUFFIXES["weights"]) for file in files)
    memory = ReusedMemory()
    npy = [NpyShard(folder, stem, memory, weighted=weighted) for stem in stems]
    return _groups(folder, npy, on_missing)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder; expected a folder of shards")
    found = sorted(
        file
        for file in folder.iterdir()
        if file.suffix in (PARQUET, ".npy") and not file.name.startswith(".")
    )
    if not found:
        raise DataError(
            f"{folder}: no shards in it; expected NAME{PARQUET}, or NAME{SUFFIXES['inputs']} and "
            f"NAME{SUFFIXES['targets']}"
        )
    return found


def _stems(files: Sequence[Path]) -> list[str]:
    """The names of .npy shards, without suffixes, in order."""
    stems = set()
    for file in files:
        suffix = next((s for s in SUFFIXES.values() if file.name.endswith(s)), None)
        if suffix is None:
            raise DataError(
                f"{file}: belongs to no shard; name the files of a shard "
                f"{', '.join(f'NAME{s}' for s in SUFFIXES.values())}"
            )
        stems.add(file.name.removesuffix(suffix))
    return sorted(stems)


def _check_order(folder: Path, names: Sequence[str]) -> None:
    """Checks that the order of names as text, which shards follow, is that of their numbers."""
    for before, after in pairwise(names):
        if _by_number(before) > _by_number(after):
            raise DataError(
                f"{folder}: the order of its shards is ambiguous: as text '{before}' is before "
                f"'{after}', by number after it; write numbers with equally many digits, "
                "such as 02 and 10"
            )


def _by_number(name: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def _groups(
    folder: Path, shards: Sequence[Shard], on_missing: OnMissing
) -> tuple[RowGroups, MissingTargets]:
    check_alike(shards)
    counts, missing = _missing_targets(folder, shards)
    missing.check(on_missing)
    groups = RowGroups(shards, counts)
    _check_values(groups)
    return groups, missing


def _missing_targets(folder: Path, shards: Sequence[Shard]) -> tuple[Array, MissingTargets]:
    """Counts the samples without a target, in each row group (groups,) and in all."""
    counts, first = [], ""
    for shard in shards:
        start = 0
        for group, rows in enumerate(shard.row_groups):
            absent = shard.without_target(group)
            counts.append(int(absent.sum()))
            if counts[-1] and not first:
                first = _row_called(shard, "targets", start + int(absent.argmax()))
            start += rows
    samples = sum(sum(shard.row_groups) for shard in shards)
    missing = MissingTargets(sum(counts), samples, str(folder), first, "sample", "target")
    return np.array(counts), missing


def check_alike(shards: Sequence[Shard]) -> None:
    """Checks that all shards have the fields, shapes and types of the first."""
    first = shards[0]
    for shard in shards[1:]:
        for field, expected in first.fields.items():
            found = shard.fields[field]
            if found != expected:
                raise DataError(
                    f"{shard.place(field)}: {field} are {found}, but {expected} in "
                    f"{first.place(field)}; all shards need the same shape and type"
                )
        if (found_names := shard.columns) != (names := first.columns):
            raise DataError(
                f"{shard.name}: has the columns {', '.join(found_names)}, but {first.name} has "
                f"{', '.join(names)}; all shards need the same columns in the same order"
            )


def _check_values(groups: RowGroups) -> None:
    """Checks, a row group at a time, that values are finite and weights not negative."""
    positive, nullable = False, groups.shards[0].nullable
    for field, kind in groups.shards[0].fields.items():
        if field == "weights" and kind.shape not in ((), (1,)):
            raise DataError(
                f"{groups.shards[0].place(field)}: weights of shape {kind.shape} for each sample; "
                "expected one number"
            )
        if not (nullable or kind.dtype.kind == "f" or field == "weights"):
            continue  # whole numbers cannot be missing, and are not read
        for start, values in _parts(groups, field):
            bad = ~np.isfinite(values)
            if bad.any():
                position = tuple(np.argwhere(bad)[0])
                value = "NaN" if np.isnan(values[position]) else "infinity"
                raise DataError(
                    f"{_position(groups, field, start + int(position[0]))}: {value} in the "
                    f"{field}; remove or correct such rows"
                )
            if field == "weights":
                positive = positive or bool((values > 0).any())
                if (values < 0).any():
                    row = start + int(np.argmax((values < 0).reshape(len(values), -1).any(axis=1)))
                    raise DataError(
                        f"{_position(groups, field, row)}: a negative weight; "
                        "weights must not be negative"
                    )
        if field == "weights" and not positive:
            raise DataError(
                f"{groups.shards[0].place(field)}: all weights in all shards are 0, so there is "
                "nothing to learn"
            )


def _parts(groups: RowGroups, field: sharding.Field) -> Iterator[tuple[int, Array]]:
    """Yields the index of the first sample of each row group, and the group's values."""
    for group, start in enumerate(groups.starts[:-1].tolist()):
        yield start, groups.read(group, field)


def _position(groups: RowGroups, field: sharding.Field, sample: int) -> str:
    shard, row = groups.locate(sample)
    return _row_called(shard, field, row)


def _row_called(shard: Shard, field: sharding.Field, row: int) -> str:
    return f"{shard.place(field)}: row {row} (counted from 0)"


def dataset(
    groups: RowGroups, test: RowGroups | None, window: int, notices: Sequence[str] = ()
) -> Dataset:
    """The data set of training shards and, if given, test shards; each is read once.

    Args:
        groups: the training samples.
        test: the test samples, or None.
        window: the number of samples that are shuffled together.
        notices: messages on how the shards were read.

    Raises:
        DataError: a class number is not valid.
    """
    count = _classes(groups)
    if test is not None and count is not None:
        test_count = _classes(test)
        assert test_count is not None  # the types are alike
        if test_count > count:
            raise DataError(
                f"{Path(test.shards[0].name).parent}: contains the classes 0 to {test_count - 1}, "
                f"but the training shards 0 to {count - 1}; each class needs training samples"
            )
    return Dataset(
        _samples(groups, window, classes=count is not None),
        None if test is None else _samples(test, window, classes=count is not None),
        None if count is None else tuple(map(str, range(max(count, 2)))),
        tuple(map(Column, groups.shards[0].columns)),
        notices=tuple(notices),
    )


def _classes(groups: RowGroups) -> int | None:
    """The number of classes; None for real targets.

    One integer per sample is a class, from 0 to the largest.
    """
    shape, dtype = groups.shards[0].fields["targets"]
    if dtype.kind not in "bui" or shape not in ((), (1,)):
        return None
    largest, most = 0, max(MOST_CLASSES, len(groups))
    for start, labels in _parts(groups, "targets"):
        numbers = labels.reshape(-1)
        wrong = np.flatnonzero((numbers < 0) | (numbers >= most))
        if len(wrong):
            place = _position(groups, "targets", start + int(wrong[0]))
            raise DataError(
                f"{place}: the label {numbers[wrong[0]]} is not a class number, which is 0 or "
                "more and below the number of samples; store targets that are not classes as "
                "floating-point numbers"
            )
        largest = max(largest, int(numbers.max(initial=0)))
    return largest + 1


def _samples(groups: RowGroups, window: int, *, classes: bool) -> Samples:
    targets = _array(groups, "targets").then(_class_numbers if classes else _real_numbers)
    weights = None
    if "weights" in groups.shards[0].fields:
        weights = _array(groups, "weights").then(_weight_numbers)
    places = Computed(len(groups), lambda indices: _places(groups, indices))
    return Samples(
        _array(groups, "inputs"),
        targets,
        weights,
        LazyArray(places, AllIndices(len(groups))),
        WindowShuffle(groups.starts, groups.shard_of, groups.sizes, window),
    )


def _array(groups: RowGroups, field: sharding.Field) -> LazyArray:
    return LazyArray(ShardedArray(groups, field), AllIndices(len(groups)))


def _class_numbers(labels: Array) -> Array:
    return labels.reshape(-1).astype(np.int64)


def _real_numbers(targets: Array) -> Array:
    return targets.reshape(len(targets), -1).astype(np.float64)


def _weight_numbers(weights: Array) -> Array:
    return weights.reshape(-1).astype(np.float64)


def _places(groups: RowGroups, indices: Array) -> Array:
    """The location of samples, as `FILE:ROW`, rows counted from 1."""
    found = (groups.locate(int(sample)) for sample in indices)
    return np.array([f"{shard.place('inputs')}:{row + 1}" for shard, row in found])
