"""Tests of the speed benchmark: operation counts, networks, report, and reused settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from benchmarks import OTHER_KERNELS, larger_than_memory, small_calls
from benchmarks.contenders import CONTENDERS, OURS, Setting
from benchmarks.material import without_zeros
from benchmarks.peers.networks import (
    GROUP,
    IMAGE,
    INPUTS,
    ROWS,
    Conv,
    Dense,
    Dropout,
    MaxPool,
    Recurrent,
    Row,
)
from benchmarks.peers.nnkit_peer import MNIST, blocks, config
from benchmarks.report import markdown
from benchmarks.saved_settings import SavedSettings, SavedSettingsError, fastest
from benchmarks.speed import ordered
from benchmarks.tasks import JOBS, Task, tasks_of
from benchmarks.time_to_accuracy import Measurement, measured, table_row
from nnkit.task.config_loading import config_from, load_config
from nnkit.task.task_loading import build_model

# The counts of PyTorch's FlopCounterMode for each row: forward; forward and backward.
COUNTED = {
    "784-30-10": (47_640, 95_880),
    "784-128-10": (203_264, 409_088),
    "784-1024-10": (1_626_112, 3_272_704),
    "lenet": (833_040, 2_263_920),
    "lenet-valid": (563_280, 1_517_040),
    "conv32-conv64-128": (5_262_080, 15_396_864),
    "best": (58_277_376, 174_380_544),
    # PyTorch counts none inside recurrent layers: 28 steps of 2 · 128 gates (28 + 128) forward.
    "lstm-28x28": (4_475_392, 12_623_360),
    "gru-28x28": (3_357_184, 9_469_440),
    "rnn-28x28": (1_120_768, 3_161_600),
}
every_row = pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)


@every_row
def test_operations_are_those_that_pytorch_counts(row: Row) -> None:
    assert (row.operations("inference"), row.operations("training")) == COUNTED[
        row.name.removesuffix("-zeros")
    ]


@every_row
def test_no_batch_is_short(row: Row) -> None:
    assert row.images <= MNIST
    assert row.images % row.portion == 0
    assert all(row.portion % batch == 0 for batch in row.batches)


@every_row
def test_steps_of_dense_networks_can_be_unrolled(row: Row) -> None:
    assert (
        row.convolutional
        or row.recurrent
        or all(row.portion // b % GROUP == 0 for b in row.batches)
    )


@every_row
def test_nnkit_has_the_layers_of_the_row(row: Row) -> None:
    """Checks the layers and the order of their parameters, which the peers rely on."""
    wanted: list[tuple[int, ...]] = []
    for layer, before, after in row.shapes():
        match layer:
            case Conv(filters, kernel, _, batch_norm):
                vectors = 4 if batch_norm else 1
                wanted += [(filters, before[0], kernel, kernel), *[(filters,)] * vectors]
            case Dense(units):
                wanted += [(units, prod(before)), (units,)]
            case Recurrent(kind, units):
                rows = layer.gates * units
                wanted += [(rows, before[-1]), (rows, units), (rows,)]
                wanted += [(units,)] * (kind == "gru")
            case MaxPool():
                assert after[0] == before[0]
            case Dropout():
                assert after == before
    model = build_model(config(row, row.batches[0]), input_shape=IMAGE)
    assert [block.shape for block in blocks(model, row)] == wanted


@every_row
def test_inputs_are_shaped_for_the_first_layer(row: Row) -> None:
    shape = row.shaped(np.zeros((3, INPUTS))).shape
    assert shape == ((3, *IMAGE) if row.convolutional else (3, INPUTS))


@every_row
@pytest.mark.parametrize("job", JOBS)
def test_most_contenders_take_part_in_every_job(row: Row, job: str) -> None:
    able = {each.name for each in CONTENDERS if each.settings(row, job, 32)}
    if row.recurrent and job == "inference":
        assert not able
        return
    assert able >= {*OURS, "torch", "jax"}
    assert ("openvino" in able) == (job == "inference")


def test_network_is_that_of_the_shipped_config() -> None:
    shipped = load_config("configs/best.yaml").architecture
    assert config(ROWS["best"], 64).architecture == shipped


TORCH = next(each for each in CONTENDERS if each.name == "torch")
LENET = Task(ROWS["lenet"], "training", 64)


def test_one_thread_is_tried_first_for_little_work() -> None:
    small, large = ROWS["784-30-10"], ROWS["best"]
    assert TORCH.settings(small, "training", 10)[0].threads == 1
    assert TORCH.settings(large, "training", 64)[0].threads is None


def test_options_are_added_to_settings_that_they_suit() -> None:
    compiled, eager = Setting("compiled", threads=1), Setting("eager", threads=1)
    assert [str(each) for each in TORCH.refined(compiled)] == ["compiled, 1 thread, max-autotune"]
    assert TORCH.refined(eager) == []
    (tuned,) = TORCH.refined(compiled)
    assert TORCH.refined(tuned) == []
    names = ["of old", str(tuned), str(eager)]
    assert TORCH.named([eager, compiled], names) == [tuned, eager]


def test_slow_networks_are_measured_first() -> None:
    tasks = [task for row in ROWS.values() for task in tasks_of(row, JOBS)]
    assert [task.row.name for task in ordered(tasks)][:3] == ["best"] * 3
    assert {*ordered(tasks)} == {*tasks}


def test_only_rows_of_zeros_predict_images_with_black_pixels() -> None:
    X = np.array([[0, 0.5], [1, 0]], np.float32)
    assert np.all(without_zeros(X) > 0)
    assert np.all(without_zeros(X)[X > 0] == X[X > 0])
    with_zeros = {row.name for row in ROWS.values() if row.zeros}
    assert with_zeros == {f"784-{units}-10-zeros" for units in (30, 128, 1024)}
    for name in with_zeros:
        assert {task.job for task in tasks_of(ROWS[name], JOBS)} == {"inference"}


MACHINE = {"cpu": "CPU", "vectors": "AVX2", "cores": 2}


def test_speeds_of_settings_are_kept_for_the_machine_and_versions(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    SavedSettings(path, MACHINE).keep(LENET, "torch", {"torch": "2"}, {"eager": 10.0})
    saved = SavedSettings(path, MACHINE)
    saved.keep(LENET, "torch", {"torch": "2"}, {"compiled": 20.0, "broken": 0.0})
    found = saved.speeds(LENET, "torch", {"torch": "2"})
    assert found == {"eager": 10, "compiled": 20, "broken": 0}
    assert fastest(found, 3) == ["compiled", "eager"]
    assert saved.speeds(LENET, "torch", {"torch": "2.1"}) == {}
    assert SavedSettings(path, MACHINE | {"cores": 4}).speeds(LENET, "torch", {"torch": "2"}) == {}
    assert SavedSettings(path, MACHINE, fresh=True).speeds(LENET, "torch", {"torch": "2"}) == {}


def test_speeds_beside_other_programs_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    SavedSettings(path, MACHINE, kept=False).keep(LENET, "torch", {}, {"eager": 10.0})
    assert not path.exists()


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("[1, 2]")
    with pytest.raises(SavedSettingsError, match=r"settings\.json: not speeds .* remove the file"):
        SavedSettings(path, MACHINE)


@every_row
def test_work_is_known_from_its_metrics(row: Row) -> None:
    training = Task(row, "training", row.batches[0])
    learned = {"loss": row.highest_loss, "accuracy": 0.9}
    assert training.is_done(learned)
    assert not training.is_done(learned | {"loss": 2 * row.highest_loss})
    assert not training.is_done(learned | {"accuracy": 0.5})
    assert not training.is_done(learned | {"loss": float("nan")})
    inference = Task(row, "inference", 1000)
    assert inference.is_done({"accuracy": 0.9, "deviation": 1e-6})
    assert not inference.is_done({"accuracy": 0.9, "deviation": 0.1})


def test_report_contains_every_measurement() -> None:
    ratio = {"median": 1.5, "lowest": 1.2, "highest": 1.75}

    def figures(name: str, title: str, speed: float, ratio: Any) -> dict[str, Any]:
        return {
            "name": name,
            "title": title,
            "setting": "eager, channels last, 1 thread",
            "samples_per_second": speed,
            "ratio": ratio,
            "busy_cores": 1.04,
            "threads": 1,
            "peak_bytes": 300e6,
        }

    task = {
        "network": "lenet-valid",
        "job": "training",
        "batch": 64,
        "operations_per_sample": 2_500_000,
        "contenders": [
            figures("nnkit", "nnkit", 9_000.0, None),
            figures("nnkit-numpy", "nnkit, NumPy", 8_000.0, ratio),
            figures("torch", "PyTorch", 6_000.0, ratio),
            figures("jax", "JAX", 5_000.0, ratio),
        ],
        "trials": {"torch": {"eager, 1 thread": 1000.0, "compiled, 1 thread": 0.0}},
        "errors": {"PyTorch (compiled, 1 thread)": "no compiler"},
    }
    page = markdown(
        {
            "date": "2026-01-01",
            "machine": {**MACHINE, "memory_bytes": 8e9, "system": "Linux"},
            "rounds": 3,
            "seconds": 0.5,
            "versions": {"torch": "2"},
            "busy_before": 0.1,
            "elapsed_seconds": 180.0,
            "peaks": {"1": 50e9, "2": 99.6e9},
            "tasks": [task],
        }
    )
    fastest_other = "PyTorch (eager, channels last, 1 thread) | 6,000 | **1.50** (1.20–1.75) |"
    assert f"| lenet-valid | training | 64 | 9,000 | 45% | 8,000 | {fastest_other}" in page
    assert "| lenet-valid | 64 | nnkit | 9,000 |  | 1.0 | 45% | 300 MB |" in page
    assert "|  |  | nnkit, NumPy | 8,000 | **1.50** (1.20–1.75) | 1.0 | 40% | 300 MB |" in page
    assert "PyTorch | eager, 1 thread: 1,000; compiled, 1 thread: failed |" in page
    assert "- lenet-valid training, batch 64: PyTorch (compiled, 1 thread): no compiler\n" in page
    assert "; nnkit here at 9,000 on 1.0 cores." in page
    assert "- CPU (AVX2), 2 cores, 8 GB; Linux" in page
    assert "0.1 cores busy before; it took 3 minutes" in page
    assert "50 GFLOP/s on 1 thread, 100 GFLOP/s on 2 threads" in page


@pytest.mark.slow
def test_products_are_measured_with_the_kernels_that_blas_chooses_itself() -> None:
    report = "from nnkit.blas import kernels; print(kernels())"
    own = {name: value for name, value in os.environ.items() if name not in OTHER_KERNELS}

    def kernels(script: str, environment: dict[str, str]) -> str:
        command = [sys.executable, "-c", script]
        return subprocess.check_output(command, env=environment, text=True)

    forced = own | {"OPENBLAS_CORETYPE": "Prescott"}
    assert kernels(f"import benchmarks; {report}", forced) == kernels(report, own)


@pytest.mark.slow
def test_contenders_are_measured_in_turns(tmp_path: Path) -> None:
    """Runs the benchmark with the libraries that the tests have anyway."""
    brief = ["--rounds", "2", "--seconds", "0.01", "--minutes", "0.5"]
    what = ["--rows", "784-30-10", "--jobs", "training", "--only", "nnkit", "sklearn"]
    command = [sys.executable, "-m", "benchmarks.speed", *brief, *what, "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (task,) = json.loads((tmp_path / "speed.json").read_text())["tasks"]
    ours, theirs = task["contenders"]
    assert (ours["name"], theirs["name"]) == ("nnkit", "sklearn")
    assert len(theirs["portions"]) == 2
    assert theirs["portions"][-1]["accuracy"] > 0.85
    assert theirs["ratio"]["lowest"] <= theirs["ratio"]["median"] <= theirs["ratio"]["highest"]
    assert theirs["setting"] in task["trials"]["sklearn"]
    assert task["errors"] == {}
    assert "scikit-learn (" in (tmp_path / "speed.md").read_text()


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


@pytest.mark.slow
def test_small_calls_of_each_network_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    small_calls.main(["--rounds", "1", "--seconds", "0.01"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[4:]]
    of_python = 1
    assert len(rows) == of_python + len(small_calls.NETWORKS) * len(small_calls.PER_CALL)
    assert all(float(row[2].replace(",", "")) > 0 for row in rows)


def test_noise_replaces_zeros_only() -> None:
    X = np.array([[0, 0.5, 1], [0, 0, 0.25]], np.float32)
    found = without_zeros(X)
    assert found.dtype == X.dtype
    assert (found > 0).all()
    np.testing.assert_array_equal(found[X > 0], X[X > 0])
