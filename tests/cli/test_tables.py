"""Tests of tables of metrics: alignment at the decimal points, and limited width."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import pytest

from nnkit.cli.output import show_figure
from nnkit.cli.tables import (
    BEST,
    SPEED,
    EvaluationTable,
    figure_column,
    fitting,
    heading_lines,
    plain_column,
    results_table,
    row_line,
)
from nnkit.metrics import METRICS

CLASSES = ["train.loss", "validation.loss", "validation.accuracy"]
NUMBERS = [
    "train.loss",
    "train.objective",
    *(f"validation.{name}" for name in ("loss", "mae", "rmse", "r2")),
]
VALUES = [0.2542, -0.0098765, 12.345, 0.0001234, 1234.5, -49954323169.28, 1e-300, 0.0]


def record(figures: list[str], value: float) -> dict[str, Any]:
    shown = {name: min(abs(value), 1.0) if name.endswith("accuracy") else value for name in figures}
    return {"step": 1, "epoch": 1.0, "lr": 0.1, **shown, "samples_per_second": 123_456}


def evaluations(figures: list[str], width: int, monitor: str = "validation.loss") -> list[str]:
    table = EvaluationTable(figures, {"epoch": 6, "step": 7}, monitor, width)
    counts = {"epoch": "20,000", "step": "123,456"}
    return [*table.heading, *(table.row(counts, record(figures, v), BEST) for v in VALUES)]


def test_the_table_of_a_classifier() -> None:
    table = EvaluationTable(CLASSES, {"epoch": 2, "step": 5}, "validation.loss", 80)
    row = {"train.loss": 0.2542, "validation.loss": 12.345, "validation.accuracy": 0.9618}
    rows = [
        table.row({"epoch": "9", "step": "422"}, {**row, "samples_per_second": 24761}, BEST),
        table.row({"epoch": "10", "step": "5,064"}, record(CLASSES, 1.0)),
    ]
    assert (
        "\n".join(["", *table.heading, *rows])
        == """
              train       validation
epoch   step  loss        loss        accuracy         samples
    9    422   0.2542     12.35        96.18 %        24,761/s ★
   10  5,064   1.000       1.000      100.00 %       123,456/s"""
    )


@pytest.mark.parametrize("figures", [CLASSES, NUMBERS], ids=["classes", "numbers"])
@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_too_wide(figures: list[str], width: int) -> None:
    lines = evaluations(figures, width)
    assert max(map(len, lines)) <= width
    assert len({line.index(BEST) for line in lines[2:]}) == 1


@pytest.mark.parametrize("figures", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_columns_are_dropped_in_order_of_importance(figures: list[str]) -> None:
    before = [*figures, "step", SPEED]
    expected = [SPEED, "step", *(f for f in reversed(figures) if f != "validation.loss")]
    for width in range(150, 0, -1):
        table = EvaluationTable(figures, {"epoch": 6, "step": 7}, "validation.loss", width)
        words = set(" ".join(table.heading).split())
        gone = [name for name in (SPEED, "step") if name not in words]
        gone += reversed(table.left_out)
        assert gone == expected[: len(gone)]
        assert set(table.left_out) <= set(before)
    assert gone == expected


def test_every_metric_keeps_its_name_in_the_heading() -> None:
    for name in METRICS:
        column = figure_column(f"test.{name}")
        assert "_".join(column.heading) == name
        assert column.width <= 11
        assert column.group == "test"


def test_columns_stay_in_line() -> None:
    for lines in (evaluations(CLASSES, 120), evaluations(NUMBERS, 120)):
        starts = {line.index(SPEED) for line in lines if SPEED in line}
        assert len(starts) == 1
        assert len({line.index("123,456/s ★") for line in lines[2:]}) == 1


def test_decimal_points_are_in_one_column_unless_a_number_is_huge() -> None:
    column = figure_column("validation.loss")
    cells = [column.cell(show_figure("loss", value)) for value in (0.25, -3.5, 12.5, 0.000123)]
    assert {cell.index(".") for cell in cells} == {2}
    assert all(len(column.cell(show_figure("loss", value))) == column.width for value in VALUES)


def test_what_is_indispensable_stays_though_it_does_not_fit() -> None:
    columns = [plain_column("epoch"), figure_column("validation.loss")]
    assert fitting(columns, 3, []) == columns
    assert heading_lines(columns) == ["       validation", "epoch  loss"]
    assert row_line(columns, {"epoch": "1"}) == f"    1  {'':10}"


def summary(*figures: str) -> dict[str, Any]:
    """Creates a run's summary with the same metrics for each set, and an objective for training."""
    values = cycle([0.0045123, 0.9852, 12.5, 1.0, 4.5e10, 0.0947])
    results = {s: {f: next(values) for f in figures} for s in ("train", "validation", "test")}
    results["train"]["objective"] = 0.01
    return {"results": results, "samples": {"train": 54_000, "validation": 6_000, "test": 10_000}}


def test_results() -> None:
    text = results_table(summary("loss", "accuracy"), 80)
    assert (
        f"\n{text}"
        == """
            samples  loss        accuracy  objective
train        54,000   0.004512    98.52 %  0.01000
validation    6,000  12.50       100.00 %
test         10,000   4.500e+10    9.47 %"""
    )


@pytest.mark.parametrize("width", [60, 80, 120])
def test_results_that_are_too_wide_go_on_below(width: int) -> None:
    text = results_table(summary("loss", *METRICS), width)
    assert max(map(len, text.splitlines())) <= width
    blocks = [block.splitlines() for block in text.split("\n\n")]
    assert len(blocks) > 1
    for block in blocks:
        assert [line.split()[0] for line in block[-3:]] == ["train", "validation", "test"]
    cells = [cell for block in blocks for cell in block[-1].replace(" %", "").split()[1:]]
    assert len(cells) == 1 + 1 + len(METRICS)
