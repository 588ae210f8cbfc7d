"""Shards: the training of data in one file, though few of them are in memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import nnkit
from nnkit.data.dataset import Array, Dataset
from nnkit.data.ordering import Ordering
from nnkit.data.sharding import npy_shard
from nnkit.data.sources.shards import Shards
from nnkit.errors import DataError, NnkitError, UsageError
from nnkit.nn.batch_axis import batch_first
from nnkit.nn.numerics import numerics
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.data_check import check_data
from nnkit.task.task_loading import load_task
from nnkit.training.events import Evaluation
from nnkit.training.trainer import Trainer
from tests.data.files import write_shard, write_shards
from tests.training.configs import batches_of

SIZES = [40, 7, 33, 20]
RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 3, 100)
X = (RNG.normal(size=(100, 6)) + CLASSES[:, None]).astype(np.float32)
IMAGES = RNG.integers(0, 256, (100, 4, 5), dtype=np.uint8)


@pytest.fixture(autouse=True)
def small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several row groups in a shard of a few samples, and several gathers in an epoch."""
    monkeypatch.setattr(npy_shard, "GROUP", 24 * 9)
    monkeypatch.setattr(npy_shard, "PIECE", 100)
    monkeypatch.setattr("nnkit.data.batches.GATHERED", 24 * 20)
    monkeypatch.setattr("nnkit.data.batches.AHEAD", 24 * 20)
    monkeypatch.setattr("nnkit.training.portions.PREPARED", 24 * 20)


def load(folder: Path, **settings: Any) -> Dataset:
    return Shards(path=str(folder), **settings).load()


def config(source: dict[str, Any], **sections: Any) -> Config:
    settings: dict[str, Any] = {
        "data": {"source": source, "preprocess": ["standardize"], "split": {"validation": 0}},
        "architecture": {"layers": [{"dense": 5}, {"dense": 3}]},
        "training": {"epochs": 3, "batch_size": 7},
    }
    for name, section in sections.items():
        settings[name] = {**settings.get(name, {}), **section}
    return config_from(settings)


def of_shards(folder: Path, window: int = 24, **sections: Any) -> Config:
    return config({"kind": "shards", "path": str(folder), "window": window}, **sections)


def trainer_of(config: Config, runs: Path) -> Trainer:
    return Trainer(load_task(config), runs)


def advance(trainer: Trainer, steps: int | None = None) -> list[Any]:
    with numerics(trainer.model):
        found = list(islice(trainer.loop.run(), steps))
    return [e.all_figures() if isinstance(e, Evaluation) else e for e in found]


def bits(trainer: Trainer) -> list[bytes]:
    return [vector.tobytes() for vector in (trainer.model.params, *trainer.loop.optimizer_state)]


def equal(dataset: Dataset, X: Array, targets: Array) -> None:
    np.testing.assert_array_equal(np.asarray(dataset.samples.inputs), X)
    np.testing.assert_array_equal(np.asarray(dataset.samples.targets), targets)
    assert dataset.samples.inputs.dtype == X.dtype


def write_parquet(folder: Path, name: str, **columns: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    parquet.write_table(pa.table(columns), path, row_group_size=9)
    return path


def fixed_size(values: Array) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(values.reshape(-1), values.shape[1])


# What is read


def test_shards_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    dataset = load(write_shards(tmp_path, X, CLASSES, SIZES))
    equal(dataset, X, CLASSES)
    assert dataset.classes == ("0", "1", "2")
    assert dataset.test is None
    assert dataset.samples.weights is None


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "<i4", ">i4", "u8", "f2", ">f4", "f8"])
def test_every_type_of_number_is_taken(dtype: str, tmp_path: Path) -> None:
    inputs = X.astype(dtype)
    equal(load(write_shards(tmp_path, inputs, CLASSES, SIZES)), inputs, CLASSES)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((100,), (1,)), ((100, 3), (3,)), ((100, 5, 6), (1, 5, 6)), ((100, 3, 5, 6), (3, 5, 6))],
)
def test_grey_images_get_their_channel(
    shape: tuple[int, ...], expected: tuple[int, ...], tmp_path: Path
) -> None:
    dataset = load(write_shards(tmp_path, np.zeros(shape), CLASSES, SIZES))
    assert dataset.input_shape == expected


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        (CLASSES[:, None].astype(np.uint8), ("0", "1", "2")),
        (CLASSES == 1, ("0", "1")),
        (CLASSES.astype(float), None),
        (np.ones((100, 3), dtype=int), None),
    ],
)
def test_whole_numbers_are_classes_and_others_real_targets(
    targets: Array, classes: tuple[str, ...] | None, tmp_path: Path
) -> None:
    dataset = load(write_shards(tmp_path, X, targets, SIZES))
    assert dataset.classes == classes
    equal(dataset, X, targets.reshape(-1) if classes else targets.reshape(100, -1))
    assert dataset.samples.targets.dtype == (np.int64 if classes else np.float64)


def test_folders_named_train_and_test_are_the_two_sets(tmp_path: Path) -> None:
    write_shards(tmp_path / "train", X[:60], CLASSES[:60], [40, 20])
    write_shards(tmp_path / "test", X[60:], CLASSES[60:], [40])
    dataset = load(tmp_path)
    equal(dataset, X[:60], CLASSES[:60])
    assert dataset.test is not None
    np.testing.assert_array_equal(np.asarray(dataset.test.inputs), X[60:])
    np.testing.assert_array_equal(np.asarray(dataset.test.targets), CLASSES[60:])


@pytest.mark.parametrize("listed", [False, True])
def test_parquet_holds_the_same(listed: bool, tmp_path: Path) -> None:
    columns = (
        {"x": fixed_size(X)} if listed else {f"feature {i}": X[:, i] for i in range(X.shape[1])}
    )
    ends = np.cumsum(SIZES)
    for number, (size, end) in enumerate(zip(SIZES, ends, strict=True)):
        part = pa.table({"label": CLASSES, **columns}).slice(end - size, size)
        write_parquet(tmp_path, str(number), **dict(zip(part.column_names, part, strict=True)))
    dataset = load(tmp_path)
    equal(dataset, X, CLASSES)
    names = [] if listed else [f"feature {i}" for i in range(6)]
    assert [column.name for column in dataset.columns] == names


def test_columns_of_parquet_have_roles_and_a_common_type(tmp_path: Path) -> None:
    a, b, y, w = np.arange(4), np.arange(4) / 2, np.ones((4, 2)), np.arange(4)
    write_parquet(tmp_path, "a", w=w, a=a, y=fixed_size(y), b=b.astype(np.float32), c=a > 1)
    dataset = load(tmp_path, label="y", weights="w")
    equal(dataset, np.column_stack([a, b, a > 1]), y)
    assert dataset.samples.weights is not None
    np.testing.assert_array_equal(np.asarray(dataset.samples.weights), w)
    assert dataset.samples.weights.dtype == np.float64


def test_parquet_needs_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(tmp_path, "a", x=[1.0, 2.0], label=[0, 1])
    for module in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match="reading Parquet shards needs pyarrow"):
        load(tmp_path)


def test_the_fingerprint_is_that_of_the_same_data_in_one_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=X, targets=CLASSES)
    whole = config({"kind": "npz", "path": str(tmp_path / "data.npz")})
    found = {load_task(whole).fingerprint}
    for number, sizes in enumerate((SIZES, [100], [1] * 100)):
        folder = write_shards(tmp_path / str(number), X, CLASSES, sizes)
        found.add(load(folder).fingerprint())
    assert len(found) == 1
    other = X.copy()
    other[99, 5] += 1
    assert load(write_shards(tmp_path / "other", other, CLASSES, SIZES)).fingerprint() not in found


def test_every_sample_keeps_its_file_and_row_through_the_split(tmp_path: Path) -> None:
    task = load_task(of_shards(write_shards(tmp_path, X, CLASSES, SIZES)))
    assert {name: len(samples) for name, samples in task.sets.items()} == {"train": 80, "test": 20}
    for samples in task.sets.values():
        assert samples.origins is not None
        for place, inputs in zip(samples.origins[:], np.asarray(samples.inputs), strict=True):
            path, _, row = place.rpartition(":")
            np.testing.assert_array_equal(np.load(path)[int(row) - 1], inputs)


def test_data_are_described_by_counting(tmp_path: Path) -> None:
    report = check_data(of_shards(write_shards(tmp_path, X, CLASSES, SIZES)))
    per_class = [report["sets"][name]["per_class"] for name in ("train", "test")]
    assert np.sum(per_class, axis=0).tolist() == np.bincount(CLASSES).tolist()


# Training


class _Recorded(Ordering):
    """The order of another ordering."""

    window = None

    def __init__(self, ordering: Ordering) -> None:
        self.ordering = ordering

    def epoch(self, samples: int, seed: int, epoch: int) -> Array:
        return np.array(self.ordering.epoch(samples, seed, epoch)[:])

    def divide(self, *given: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("window", [1, 13, 64, 4096])
@pytest.mark.parametrize(
    ("inputs", "data"),
    [
        (X, {"preprocess": ["standardize"]}),
        (X, {"preprocess": [{"standardize": "all"}, "minmax"]}),
        (X, {"preprocess": ["impute", {"impute": "median"}, {"impute": "most_frequent"}]}),
        (X, {"preprocess": [], "targets": "inputs"}),
        (X.astype(np.float64), {"preprocess": []}),
        (IMAGES, {"preprocess": ["scale"]}),
        (IMAGES, {"preprocess": ["standardize"], "augment": [{"shift": 1}]}),
    ],
)
def test_in_the_same_order_it_trains_as_from_one_file_to_the_last_bit(
    inputs: Array, data: dict[str, Any], window: int, tmp_path: Path
) -> None:
    outputs = 6 if "targets" in data else 3
    sections: dict[str, Any] = {
        "data": {**data, "split": {"validation": 0, "test": 0}},
        "architecture": {"layers": ["flatten", {"dense": 5}, {"dense": outputs}]},
    }
    if "targets" in data:
        sections |= {"loss": {"kind": "squared_error"}}
    np.savez(tmp_path / "data.npz", inputs=inputs, targets=CLASSES)
    folder = write_shards(tmp_path / "shards", inputs, CLASSES, SIZES)
    source = {"kind": "shards", "path": str(folder), "window": window}
    streamed = trainer_of(config(source, **_with_source(sections, source)), tmp_path)
    npz = {"kind": "npz", "path": str(tmp_path / "data.npz")}
    whole = trainer_of(config(npz, **_with_source(sections, npz)), tmp_path)
    ordering = _Recorded(batches_of(streamed).ordering)
    whole.loop.batches = replace(batches_of(whole), ordering=ordering)
    before = bits(whole)
    assert advance(streamed) == advance(whole)
    assert bits(streamed) == bits(whole) != before


def _with_source(sections: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    return {**sections, "data": {**sections["data"], "source": source}}


def test_weights_and_class_weights_are_those_of_one_file(tmp_path: Path) -> None:
    weights = RNG.uniform(0, 2, 100)
    for number, (size, end) in enumerate(zip(SIZES, np.cumsum(SIZES), strict=True)):
        part = slice(end - size, end)
        write_shard(tmp_path / "shards", str(number), X[part], CLASSES[part], weights[part])
    np.savez(tmp_path / "data.npz", inputs=X, targets=CLASSES, weights=weights)
    loss = {"kind": "cross_entropy", "class_weights": "balanced", "ignored": "1"}
    npz = {"kind": "npz", "path": str(tmp_path / "data.npz"), "weights": "weights"}
    sections = {"data": {"split": {"validation": 0, "test": 0}}, "loss": loss}
    source = {"kind": "shards", "path": str(tmp_path / "shards")}
    streamed, whole = (
        trainer_of(config(s, **_with_source(sections, s)), tmp_path) for s in (source, npz)
    )
    for name in ("weights", "counted"):
        found, expected = (getattr(t.sets["train"], name) for t in (streamed, whole))
        np.testing.assert_array_equal(np.asarray(found), expected)
        assert found.dtype == expected.dtype
    ordering = _Recorded(batches_of(streamed).ordering)
    whole.loop.batches = replace(batches_of(whole), ordering=ordering)
    assert advance(streamed) == advance(whole)
    assert bits(streamed) == bits(whole)


@pytest.mark.parametrize("stop", [1, 5, 11, 12, 13, 20, 35])
def test_resumes_at_any_step_to_the_last_bit(stop: int, tmp_path: Path) -> None:
    """An epoch has 11 steps; windows end within batches."""
    folder = write_shards(tmp_path / "shards", X, CLASSES, SIZES)
    settings = of_shards(
        folder, data={"split": {"validation": 0.25, "test": 0}}, training={"evaluate_every": 1}
    )
    whole = trainer_of(settings, tmp_path)
    whole.directory.create(settings.to_yaml())
    expected = advance(whole)

    first = trainer_of(settings, tmp_path)
    begun = advance(first, 2 * stop)
    first.save()
    second = trainer_of(settings, tmp_path)
    second.restore(read_checkpoint(first.directory.last))
    assert bits(second) == bits(first)
    assert begun + advance(second) == expected
    assert bits(second) == bits(whole)


def test_starting_in_the_midst_of_an_epoch_reads_nothing_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_shards(tmp_path / "shards", X, CLASSES, SIZES)
    batches = trainer_of(of_shards(folder, 8), tmp_path).loop.batches
    whole = [batch_first(X).copy() for X, *_ in batches.epoch(1)]
    fresh = trainer_of(of_shards(folder, 8), tmp_path).loop.batches
    read: list[tuple[str, int]] = []
    original = npy_shard.NpyShard.read

    def recorded(
        self: npy_shard.NpyShard, field: Any, group: int, rows: Array | None = None
    ) -> Array:
        read.append((self.name, group))
        return original(self, field, group, rows)

    monkeypatch.setattr(npy_shard.NpyShard, "read", recorded)
    last = [batch_first(X).copy() for X, *_ in fresh.epoch(1, fresh.per_epoch - 1)]
    np.testing.assert_array_equal(last, whole[-1:])
    assert len(set(read)) <= 3  # of 13 row groups


@pytest.mark.parametrize("consumers", [1, 2, 3, 7])
def test_the_order_is_the_same_however_many_consumers_share_it(
    consumers: int, tmp_path: Path
) -> None:
    """Each consumer reads its own samples of every batch, from a source of its own."""
    folder = write_shards(tmp_path / "shards", X, CLASSES, SIZES)
    together = batches_of(trainer_of(of_shards(folder, 16), tmp_path))
    expected = [T.argmax(axis=0).tolist() for _, T, *_ in together.epoch(2)]
    order = np.array(together.order(2)[:])
    shares: list[list[list[int]]] = []
    for rank in range(consumers):
        own = load_task(of_shards(folder, 16)).sets["train"]
        own_order = own.ordering.epoch(len(own), 0, 2)
        shares.append([])
        for first in range(0, len(own), 7):
            chosen = own_order[first : first + 7][rank::consumers]
            np.testing.assert_array_equal(chosen, order[first : first + 7][rank::consumers])
            shares[-1].append(np.asarray(own.targets[chosen]).tolist())
    for number, batch in enumerate(expected):
        parts = [share[number] for share in shares]
        found = [0] * len(batch)
        for rank, part in enumerate(parts):
            found[rank::consumers] = part
        assert found == batch
    assert sum(map(len, chain(*shares))) == len(order)


def test_a_run_is_trained_evaluated_and_loaded(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "shards", X, CLASSES, SIZES)
    run = nnkit.train(of_shards(folder, training={"epochs": 60}), runs=tmp_path)
    model = run.load()
    report = model.report("test")
    results = run.summary["results"]
    assert report.figures["accuracy"] == results["test"]["accuracy"]
    assert results["train"]["accuracy"] > 0.6
    assert report.origins[0].startswith(str(folder))
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert model.evaluate("test", moved) == model.evaluate("test", moved)


def test_a_model_of_columns_predicts_from_csv(tmp_path: Path) -> None:
    columns = {f"f{i}": X[:, i] for i in range(6)}
    write_parquet(tmp_path / "shards", "a", **columns, label=CLASSES)
    model = nnkit.train(of_shards(tmp_path / "shards"), runs=tmp_path).load()
    names = list(columns)[::-1]
    lines = [",".join(names), *(",".join(str(columns[n][row]) for n in names) for row in range(4))]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    np.testing.assert_allclose(model.read_table(tmp_path / "x.csv"), X[:4], rtol=1e-6)


def test_a_model_of_arrays_reads_no_csv(tmp_path: Path) -> None:
    source = Shards(path=str(write_shards(tmp_path, X, CLASSES, SIZES)))
    with pytest.raises(DataError, match="this model reads shards data, not CSV"):
        source.read_table(tmp_path / "x.csv", ())


MEASURE = """
import sys
import json
from pathlib import Path
from nnkit.data import batches
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import load_task
from nnkit.training.trainer import Trainer

batches.AHEAD = 1 << 23  # less than is usual, so that little data suffices

def peak():
    status = Path("/proc/self/status").read_text()
    return next(int(l.split()[1]) for l in status.splitlines() if l.startswith("VmHWM")) / 1024

config = config_from(json.loads(sys.argv[1]))
for _ in Trainer(load_task(config), Path(sys.argv[2])).loop.run(): pass
print(peak())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    """64 MB and 384 MB of data take the same memory, to an eighth of the difference."""
    inputs = np.random.default_rng(0).normal(size=(16_384, 1024)).astype(np.float32)
    classes = np.arange(16_384) % 3
    peaks = []
    for shards in (1, 6):
        folder = tmp_path / str(shards)
        write_shard(folder, "0", inputs, classes)
        for number in range(1, shards):  # the same file again takes no space
            for field in ("inputs", "targets"):
                (folder / f"{number}.{field}.npy").hardlink_to(folder / f"0.{field}.npy")
        settings = of_shards(
            folder,
            1024,
            data={"preprocess": ["standardize"], "split": {"validation": 0.1, "test": 0.1}},
            training={"epochs": 1, "batch_size": 128, "threads": 1},
        )
        command = [sys.executable, "-c", MEASURE, settings.model_dump_json(), str(tmp_path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(float(done.stdout))
    assert peaks[1] - peaks[0] < 40


# Errors


def fails(folder: Path, message: str, **settings: Any) -> None:
    with pytest.raises(NnkitError) as caught:
        load(folder, **settings)
    assert str(caught.value).replace(str(folder), "FOLDER") == message
    assert caught.value.exit_code == 3


def test_a_folder_without_shards(tmp_path: Path) -> None:
    fails(tmp_path / "none", "FOLDER: no such folder")
    expected = (
        "FOLDER: no shards in it; expected NAME.parquet, or NAME.inputs.npy and NAME.targets.npy"
    )
    fails(tmp_path, expected)
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / ".a.parquet").write_text("none")
    fails(tmp_path, expected)
    (tmp_path / "file").write_text("none")
    fails(tmp_path / "file", "FOLDER: not a folder; expected a folder of shards")


def test_an_empty_test_folder(tmp_path: Path) -> None:
    write_shards(tmp_path / "train", X, CLASSES, SIZES)
    (tmp_path / "test").mkdir()
    fails(
        tmp_path,
        "FOLDER/test: no shards in it; expected NAME.parquet, or NAME.inputs.npy and "
        "NAME.targets.npy",
    )


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (
            X[:9, :5],
            CLASSES[:9],
            (
                "FOLDER/b.inputs.npy: inputs are float32 of shape (5,), but float32 of shape (6,) "
                "in FOLDER/a.inputs.npy; all shards need the same shape and type"
            ),
        ),
        (
            X[:9].astype(np.float64),
            CLASSES[:9],
            (
                "FOLDER/b.inputs.npy: inputs are float64 of shape (6,), but float32 of shape (6,) "
                "in FOLDER/a.inputs.npy; all shards need the same shape and type"
            ),
        ),
        (
            X[:9],
            CLASSES[:9].astype(float),
            (
                "FOLDER/b.targets.npy: targets are float64 of shape (), but int64 of shape () in "
                "FOLDER/a.targets.npy; all shards need the same shape and type"
            ),
        ),
        (
            X[:9],
            CLASSES[:8],
            (
                "FOLDER/b.inputs.npy: 9 samples, but 8 targets in FOLDER/b.targets.npy; each "
                "sample needs one"
            ),
        ),
        (X[:0], CLASSES[:0], "FOLDER/b.inputs.npy: no samples; its shape is (0, 6)"),
        (
            np.array(1.5),
            CLASSES[:9],
            "FOLDER/b.inputs.npy: a single number; expected an array with one sample per row",
        ),
        (
            np.array(["a"]),
            CLASSES[:1],
            (
                "FOLDER/b.inputs.npy: contains values of type <U1, not numbers; store numbers, and "
                "classes as 0, 1, 2, …"
            ),
        ),
        (
            np.asfortranarray(X[:9]),
            CLASSES[:9],
            (
                "FOLDER/b.inputs.npy: is in Fortran order, in which a sample's values are not "
                "adjacent; save np.ascontiguousarray(…)"
            ),
        ),
        (
            np.array([{}, {}]),
            CLASSES[:2],
            (
                "FOLDER/b.inputs.npy: not a readable .npy file (it contains Python objects, which "
                "are never loaded; save plain numbers)"
            ),
        ),
        (
            X[:9],
            np.array([0, 1, 2, 0, -1, 0, 0, 0, 0]),
            (
                "FOLDER/b.targets.npy: row 4 (counted from 0): the label -1 is not a class number, "
                "which is 0 or more and below the number of samples; store targets that are not "
                "classes as floating-point numbers"
            ),
        ),
        (
            X[:9],
            np.array([0, 1, 2, 0, 1, 0, 0, 1000, 0]),
            (
                "FOLDER/b.targets.npy: row 7 (counted from 0): the label 1000 is not a class "
                "number, which is 0 or more and below the number of samples; store targets that "
                "are not classes as floating-point numbers"
            ),
        ),
    ],
)
def test_shards_that_do_not_fit(
    inputs: Array, targets: Array, message: str, tmp_path: Path
) -> None:
    write_shard(tmp_path, "a", X, CLASSES)
    write_shard(tmp_path, "b", inputs, targets)
    fails(tmp_path, message)


@pytest.mark.parametrize(
    ("value", "name"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
@pytest.mark.parametrize("row", [0, 8, 9, 32])
def test_a_value_that_is_not_a_number_is_located(
    value: float, name: str, row: int, tmp_path: Path
) -> None:
    inputs = X.copy()
    inputs[47 + row, 3] = value
    write_shards(tmp_path, inputs, CLASSES, SIZES)
    fails(
        tmp_path,
        f"FOLDER/002.inputs.npy: row {row} (counted from 0): {name} in the inputs; remove or "
        "correct such rows",
    )


def test_targets_that_are_not_numbers_are_located(tmp_path: Path) -> None:
    targets = CLASSES.astype(float)
    targets[45] = np.inf
    write_shards(tmp_path, X, targets, SIZES)
    fails(
        tmp_path,
        "FOLDER/001.targets.npy: row 5 (counted from 0): infinity in the targets; remove or "
        "correct such rows",
    )
    targets[45] = targets[60] = np.nan
    write_shards(tmp_path, X, targets, SIZES)
    fails(
        tmp_path,
        "FOLDER/001.targets.npy: row 5 (counted from 0): the target is missing, as in 1 other "
        "sample; fill it in, or set data.source.missing_target: drop to leave out such samples",
    )


@pytest.mark.parametrize("field", ["inputs", "targets", "weights"])
def test_a_missing_file_of_a_shard(field: str, tmp_path: Path) -> None:
    write_shard(tmp_path, "a", X, CLASSES, np.ones(100))
    write_shard(tmp_path, "b", X, CLASSES, np.ones(100))
    (tmp_path / f"b.{field}.npy").unlink()
    fails(
        tmp_path,
        f"FOLDER/b.{field}.npy: no such file; a shard needs NAME.inputs.npy and NAME.targets.npy"
        + (", and NAME.weights.npy if other shards have it" if field == "weights" else ""),
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            [1, 1, -1],
            (
                "FOLDER/a.weights.npy: row 2 (counted from 0): a negative weight; weights must not "
                "be negative"
            ),
        ),
        (
            [0, 0, 0],
            "FOLDER/a.weights.npy: all weights in all shards are 0, so there is nothing to learn",
        ),
        (
            [[1, 1], [1, 1], [1, 1]],
            "FOLDER/a.weights.npy: weights of shape (2,) for each sample; expected one number",
        ),
    ],
)
def test_weights_that_are_not_weights(weights: Any, message: str, tmp_path: Path) -> None:
    write_shard(tmp_path, "a", X[:3], CLASSES[:3], np.array(weights))
    fails(tmp_path, message)


def test_names_whose_order_is_ambiguous(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write_shard(tmp_path, f"part-{number}", X, CLASSES)
    fails(
        tmp_path,
        "FOLDER: the order of its shards is ambiguous: as text 'part-10' is before 'part-2', by "
        "number after it; write numbers with equally many digits, such as 02 and 10",
    )


def test_files_that_belong_to_no_shard(tmp_path: Path) -> None:
    write_shard(tmp_path, "a", X, CLASSES)
    np.save(tmp_path / "b.npy", X)
    fails(
        tmp_path,
        "FOLDER/b.npy: belongs to no shard; name the files of a shard NAME.inputs.npy, "
        "NAME.targets.npy, NAME.weights.npy",
    )


def test_two_formats_in_a_folder(tmp_path: Path) -> None:
    write_shard(tmp_path, "a", X, CLASSES)
    write_parquet(tmp_path, "b", x=[1.0], label=[0])
    fails(
        tmp_path,
        "FOLDER: contains both b.parquet and a.inputs.npy; keep shards of one format in a folder",
    )


@pytest.mark.parametrize("setting", ["label", "weights"])
def test_names_of_columns_for_arrays(setting: str, tmp_path: Path) -> None:
    write_shard(tmp_path, "a", X, CLASSES)
    fails(
        tmp_path,
        f"data.source.{setting}: names a column of Parquet files, but FOLDER contains .npy files; "
        "remove it",
        **{setting: "y"},
    )


def test_test_shards_that_do_not_fit(tmp_path: Path) -> None:
    write_shards(tmp_path / "train", X, CLASSES, SIZES)
    write_shard(tmp_path / "test", "a", X, CLASSES + 1)
    fails(
        tmp_path,
        "FOLDER/test: contains the classes 0 to 3, but the training shards 0 to 2; "
        "each class needs training samples",
    )
    write_shard(tmp_path / "test", "a", X[:, :2], CLASSES)
    fails(
        tmp_path,
        "FOLDER/test/a.inputs.npy: inputs are float32 of shape (2,), but float32 of shape (6,) in "
        "FOLDER/train/000.inputs.npy; all shards need the same shape and type",
    )


def test_an_incomplete_file(tmp_path: Path) -> None:
    write_shard(tmp_path, "a", X, CLASSES)
    path = tmp_path / "a.inputs.npy"
    path.write_bytes(path.read_bytes()[:-1])
    fails(
        tmp_path,
        "FOLDER/a.inputs.npy: has 2,527 bytes, but its header promises 2,528; write or copy it "
        "again",
    )
    path.write_bytes(b"none")
    with pytest.raises(DataError, match=r"a.inputs.npy: not a readable .npy file"):
        load(tmp_path)


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"")])
def test_a_file_that_changes_during_training(damage: Callable[[Path], Any], tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "shards", X, CLASSES, SIZES)
    trainer = trainer_of(of_shards(folder), tmp_path)
    for number in range(4):
        damage(folder / f"00{number}.inputs.npy")
    with pytest.raises(DataError, match=r"inputs.npy: cannot be read any more \("):
        advance(trainer)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_file_that_disappears_stops_training_when_it_is_needed(
    compiled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch of 15 steps reads the shards in a random order; the first one is there."""
    folder = write_shards(tmp_path / "shards", X, CLASSES, SIZES)
    if not compiled:
        monkeypatch.setattr("nnkit.training.loop.program_steps", lambda *_: None)
    trainer = trainer_of(of_shards(folder, 8), tmp_path)
    steps = trainer.loop.run()
    with numerics(trainer.model):
        next(steps)
        for file in folder.glob("*.inputs.npy"):
            file.unlink()
        with pytest.raises(DataError, match=r"inputs.npy: cannot be read any more \("):
            list(steps)
    assert 1 <= trainer.loop.progress.step < trainer.loop.per_epoch


def test_parquet_that_is_damaged(tmp_path: Path) -> None:
    path = write_parquet(tmp_path, "a", x=[1.0, 2.0], label=[0, 1])
    content = path.read_bytes()
    path.write_bytes(b"none")
    with pytest.raises(DataError, match=r"a\.parquet: not a readable Parquet file \("):
        load(tmp_path)
    path.write_bytes(content[:4] + bytes(40) + content[44:])
    with pytest.raises(DataError, match=r"a\.parquet: damaged \("):
        load(tmp_path)


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        (
            {"x": [1.0], "y": [0]},
            {},
            "no column 'label'; set data.source.label to one of x, y",
        ),
        (
            {"x": [1.0], "label": [0]},
            {"weights": "w"},
            "no column 'w'; set data.source.weights to one of x, label",
        ),
        ({"label": [0]}, {}, "no columns of inputs besides label"),
        (
            {"x": ["a"], "label": [0]},
            {},
            (
                "column 'x' contains values of type string; store numbers, classes as 0, 1, 2, …, "
                "or lists of numbers of one fixed size"
            ),
        ),
        (
            {"x": [[1.0]], "label": [0]},
            {},
            (
                "column 'x' contains values of type list<element: double>; store numbers, classes "
                "as 0, 1, 2, …, or lists of numbers of one fixed size"
            ),
        ),
        (
            {"x": [1.0] * 9 + [1.0, None], "label": [0] * 11},
            {},
            "column 'x' has no value in row 10 (counted from 0); remove or correct such rows",
        ),
        (
            {"x": [1.0] * 11, "label": [0] * 9 + [None, 1]},
            {},
            (
                "row 9 (counted from 0): the target is missing; fill it in, or set "
                "data.source.missing_target: drop to leave out such samples"
            ),
        ),
        (
            {"x": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)), "label": [0, 1]},
            {},
            "column 'x' has no value in row 1 (counted from 0); remove or correct such rows",
        ),
        (
            {"x": pa.array([[1, 2], [3, 4], [5, None]], pa.list_(pa.int8(), 2)), "label": [0] * 3},
            {},
            "column 'x' has no value in row 2 (counted from 0); remove or correct such rows",
        ),
        (
            {"x": [1.0] * 10 + [np.nan], "label": [0] * 11},
            {},
            "row 10 (counted from 0): NaN in the inputs; remove or correct such rows",
        ),
        (
            {"x": pa.array([], pa.float32()), "label": pa.array([], pa.int8())},
            {},
            "no samples; it has no rows",
        ),
    ],
)
def test_parquet_that_does_not_fit(
    columns: dict[str, Any], settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    write_parquet(tmp_path, "a", **columns)
    fails(tmp_path, f"FOLDER/a.parquet: {message}", **settings)


def test_parquet_with_other_columns(tmp_path: Path) -> None:
    write_parquet(tmp_path, "a", x=[1.0], y=[1.0], label=[0])
    write_parquet(tmp_path, "b", y=[1.0], x=[1.0], label=[0])
    fails(
        tmp_path,
        "FOLDER/b.parquet: has the columns y, x, but FOLDER/a.parquet has x, y; all shards need "
        "the same columns in the same order",
    )
