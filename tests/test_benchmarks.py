"""Tests of the speed benchmark: operation counts, networks, report, and reused settings."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from benchmarks import larger_than_memory
from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.earlier import Earlier, EarlierError
from benchmarks.peers.nnkit_peer import blocks, config
from benchmarks.peers.protocol import IMAGE, INPUTS, MNIST, ROWS, Conv, Dense, MaxPool, Row
from benchmarks.report import markdown
from benchmarks.speed import Task, is_work
from benchmarks.time_to_accuracy import Measurement, measured, table_row
from nnkit.task.config import config_from, load_config
from nnkit.task.task import build_model

# The counts of PyTorch's FlopCounterMode for each row: forward; forward and backward.
COUNTED = {
    "784-30-10": (47_640, 95_880),
    "784-128-10": (203_264, 409_088),
    "784-1024-10": (1_626_112, 3_272_704),
    "lenet": (833_040, 2_263_920),
    "conv32-conv64-128": (5_262_080, 15_396_864),
}
every_row = pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)


@every_row
def test_operations_are_those_that_pytorch_counts(row: Row) -> None:
    assert (row.operations("inference"), row.operations("training")) == COUNTED[row.name]


@every_row
def test_no_batch_is_short(row: Row) -> None:
    assert row.images <= MNIST
    assert row.images % row.repetitions == 0
    assert all(row.images // row.repetitions % batch == 0 for batch in row.batches)


@every_row
def test_nnkit_has_the_layers_of_the_row(row: Row) -> None:
    """Checks the layers and the order of their parameters, which the peers rely on."""
    wanted: list[tuple[int, ...]] = []
    for layer, before, after in row.shapes():
        match layer:
            case Conv(filters, kernel):
                wanted += [(filters, before[0], kernel, kernel), (filters,)]
            case Dense(units):
                wanted += [(units, prod(before)), (units,)]
            case MaxPool():
                assert after[0] == before[0]
    model = build_model(config(row, row.batches[0]), input_shape=IMAGE)
    assert [block.shape for block in blocks(model, row)] == wanted


@every_row
def test_inputs_are_shaped_for_the_first_layer(row: Row) -> None:
    shape = row.shaped(np.zeros((3, INPUTS))).shape
    assert shape == ((3, *IMAGE) if row.convolutional else (3, INPUTS))


@every_row
def test_ours_and_pytorch_take_part_in_every_job(row: Row) -> None:
    for job in ("training", "inference"):
        able = {contender.name for contender in CONTENDERS if contender.settings(row, job)}
        assert able >= {*OURS, "torch", "jax"}


def test_report_contains_every_measurement() -> None:
    def figures(name: str, title: str, ratios: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": name,
            "title": title,
            "setting": "eager, channels last, 1 thread",
            "samples_per_second": 10_000.0,
            "ratios": ratios,
            "busy_cores": 1.04,
            "threads": 1,
            "peak_bytes": 300e6,
        }

    def task(batch: int, peak: float) -> dict[str, Any]:
        return {
            "network": "lenet",
            "job": "training",
            "batch": batch,
            "elapsed_seconds": 90.0,
            "operations_per_sample": 2_500_000,
            "peak_operations_per_second": {"1": peak, "2": 99.6e9},
            "contenders": [
                figures("nnkit", "nnkit", {}),
                figures("torch", "PyTorch", {"nnkit": ratio}),
            ],
            "trials": {"nnkit": {}, "torch": {"eager, 1 thread": 1000.0}},
        }

    ratio = {"median": 1.5, "lowest": 1.2, "highest": 1.75}
    page = markdown(
        {
            "date": "2026-01-01",
            "machine": {"cpu": "CPU", "cores": 2, "memory_bytes": 8e9, "system": "Linux"},
            "rounds": 3,
            "versions": {"torch": "2"},
            "load_before": 0.1,
            "tasks": [task(64, 40e9), task(256, 50e9)],
        }
    )
    assert "| lenet | 64 | nnkit | 10,000 |  |  |  | 1.0 | 50% | 300 MB |" in page
    assert (
        "PyTorch (eager, channels last, 1 thread) | 10,000 | **1.50** (1.20–1.75) |  |  |" in page
    )
    assert "load before 0.10; it took 3 minutes" in page
    assert "50 GFLOP/s on 1 thread, 100 GFLOP/s on 2 threads" in page


@every_row
def test_work_is_known_from_its_figures(row: Row) -> None:
    training = Task(row, "training", row.batches[0], Path(), rounds=1, seconds=1.0)
    learned = {"loss": row.highest_loss, "accuracy": 0.9}
    assert is_work(training, row.repetitions, learned)
    assert not is_work(training, row.repetitions, learned | {"loss": 2 * row.highest_loss})
    assert not is_work(training, row.repetitions, learned | {"accuracy": 0.5})
    assert not is_work(training, 100, learned | {"loss": float("nan")})
    inference = Task(row, "inference", 1000, Path(), rounds=1, seconds=1.0)
    assert is_work(inference, 1, {"accuracy": 0.9, "deviation": 1e-6})
    assert not is_work(inference, 1, {"accuracy": 0.9, "deviation": 0.1})


def test_part_of_an_epoch_must_reduce_the_loss() -> None:
    task = Task(ROWS["lenet"], "training", 64, Path(), rounds=1, seconds=1.0)
    assert is_work(task, 1, {"loss": 1.9, "accuracy": 0.4})
    assert not is_work(task, 1, {"loss": 2.4, "accuracy": 0.1})
    assert not is_work(task, 1, {"loss": float("nan"), "accuracy": 0.1})


MACHINE = {"cpu": "CPU", "cores": 2}
TORCH = next(contender for contender in CONTENDERS if contender.name == "torch")
AT = ("lenet", "training", 64)
WAYS = TORCH.settings(ROWS["lenet"], "training")


def earlier(folder: Path, setting: str) -> Earlier:
    path = folder / "speed.json"
    network, job, batch = AT
    contenders = [{"name": "torch", "setting": setting}]
    task = {"network": network, "job": job, "batch": batch, "contenders": contenders}
    report = {"machine": MACHINE, "versions": {"torch": "2.1"}, "tasks": [task]}
    path.write_text(json.dumps(report))
    return Earlier(path, MACHINE)


def test_settings_of_an_earlier_measurement_are_taken(tmp_path: Path) -> None:
    before = earlier(tmp_path, str(WAYS[-1]))
    assert before.setting(TORCH, AT, WAYS) == WAYS[-1]
    before.check_versions(TORCH, {"torch": "2.1"})
    row = ROWS["lenet"]
    task = Task(row, "training", 64, Path(), rounds=1, seconds=1.0, earlier=before)
    assert task.settings(TORCH) == (WAYS[-1],)
    ours = next(contender for contender in CONTENDERS if contender.name == "nnkit")
    assert task.settings(ours) == ours.settings(row, "training")  # there is nothing to choose


def test_settings_of_another_measurement_are_refused(tmp_path: Path) -> None:
    before = earlier(tmp_path, "a way of old")
    with pytest.raises(
        EarlierError, match=r"PyTorch at lenet training, batch 64 .* 'a way of old'"
    ):
        before.setting(TORCH, AT, WAYS)
    with pytest.raises(EarlierError, match="batch 16 was not measured"):
        before.setting(TORCH, ("lenet", "training", 16), WAYS)
    with pytest.raises(EarlierError, match=r"measured with torch 2\.1, but 2\.2 is"):
        before.check_versions(TORCH, {"torch": "2.2"})
    with pytest.raises(EarlierError, match=r"with cores=2, .* has cores=4"):
        Earlier(before.path, MACHINE | {"cores": 4})
    with pytest.raises(EarlierError, match=r"not a speed\.json"):
        Earlier(tmp_path / "none.json", MACHINE)


@pytest.mark.parametrize("form", ["npy", "parquet"])
def test_data_larger_than_memory_is_made_and_trained_on(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(larger_than_memory, "ROWS", 300)
    folder = tmp_path / "shards"
    assert larger_than_memory.write_shards(folder, 500, form) == 600
    settings = larger_than_memory.config_of({"kind": "shards", "path": str(folder)}, 400, 4)
    found = larger_than_memory.trained(config_from(settings), cold=folder)
    assert len(found["speeds"]) == 1
    assert 0 < found["loss"] < 2.3


@pytest.mark.slow
def test_accuracy_is_that_of_the_trained_config(tmp_path: Path) -> None:
    path, epoch = Path(__file__).parents[1] / "configs" / "iris-mlp.yaml", "training.epochs=1"
    run = nnkit.train(load_config(path, ["seed=3", epoch]), runs=tmp_path)
    found = measured(path, 3, [epoch])
    assert found.accuracy == run.results["test"]["accuracy"] < 1
    assert 0 < found.training < found.process
    assert found.cpu > 0


def test_seeds_are_summarized_in_a_row() -> None:
    runs = [
        Measurement(0, 0.991, training=2.0, process=3.0, cpu=5.0),
        Measurement(1, 0.993, training=4.0, process=5.0, cpu=5.0),
    ]
    assert table_row("a.yaml", runs) == (
        "| `a.yaml` | 99.200 ± 0.141 % | 99.10 % | 3.0 ± 1.4 s | 4.0 ± 1.4 s | 5.0 ± 0.0 s |"
    )
    assert "| 99.100 % | 99.10 % | 2.0 s | 3.0 s | 5.0 s |" in table_row("a.yaml", runs[:1])
