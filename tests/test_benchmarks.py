"""The rows of the speed benchmark: what they count, what they ask of nnkit, how they are told."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.peers.nnkit_peer import blocks, config
from benchmarks.peers.protocol import IMAGE, INPUTS, MNIST, ROWS, Conv, Dense, MaxPool, Row
from benchmarks.report import markdown
from nnkit.training.task import build_model

# By the row, what PyTorch's FlopCounterMode counts: forward; forward and backward.
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
    assert all(row.images % batch == 0 for batch in row.batches)


@every_row
def test_nnkit_has_the_layers_of_the_row(row: Row) -> None:
    """And their parameters in the order in which the peers are given them."""
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


def test_report_tells_every_figure() -> None:
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
    assert "| lenet | 64 | nnkit | 10,000 |  |  | 1.0 | 50% | 300 MB |" in page
    assert "PyTorch (eager, channels last, 1 thread) | 10,000 | **1.50** (1.20–1.75) |  |" in page
    assert "50 GFLOP/s on 1 thread, 100 GFLOP/s on 2 threads" in page
