"""Batch files: which cells they stand for, and the position and remedy of every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnkit.errors import ConfigError, NnkitError
from nnkit.experiments.batch_file import LoadedBatch, load_batch
from nnkit.experiments.checks import check_cells
from nnkit.task.config_loading import load_config

IRIS = Path(__file__).parents[2] / "configs" / "iris-mlp.yaml"
BASE = f"base: {IRIS}\n"


def batch(folder: Path, text: str) -> LoadedBatch:
    path = folder / "b.yaml"
    path.write_text(text)
    return load_batch(path)


def cells(folder: Path, text: str) -> list[tuple[dict[str, Any], int]]:
    return [(dict(cell.axes), cell.seed) for cell in batch(folder, BASE + text).cells]


def test_a_grid_is_every_combination_and_seeds_vary_fastest(tmp_path: Path) -> None:
    text = "grid: {optimizer.lr: [0.1, 0.01], training.batch_size: [8, 16]}\nseeds: [3, 1]\n"
    found = cells(tmp_path, text)
    assert [(a["optimizer.lr"], a["training.batch_size"], seed) for a, seed in found] == [
        (lr, size, seed) for lr in (0.1, 0.01) for size in (8, 16) for seed in (3, 1)
    ]


def test_rows_of_a_zip_go_together(tmp_path: Path) -> None:
    text = "zip: {optimizer.lr: [0.1, 0.01], training.batch_size: [8, 16]}\ngrid: {seed_: [1]}\n"
    found = cells(tmp_path, text.partition("grid")[0])
    assert [(a["optimizer.lr"], a["training.batch_size"]) for a, _ in found] == [
        (0.1, 8),
        (0.01, 16),
    ]


def test_variants_are_named(tmp_path: Path) -> None:
    text = (
        "variants:\n  small: {architecture.layers.0.dense.units: 4}\n"
        "  large: {architecture.layers.0.dense.units: 32}\ngrid: {optimizer.lr: [0.1, 0.01]}\n"
    )
    found = batch(tmp_path, BASE + text).cells
    assert [(c.axes["variant"], c.axes["optimizer.lr"]) for c in found] == [
        (name, lr) for name in ("small", "large") for lr in (0.1, 0.01)
    ]
    assert [c.config.resolved()["architecture"]["layers"][0]["units"] for c in found] == [
        4,
        4,
        32,
        32,
    ]


def test_combinations_are_left_out_and_added(tmp_path: Path) -> None:
    text = (
        "grid: {optimizer.lr: [0.1, 0.01], training.batch_size: [8, 16]}\n"
        "exclude: [{optimizer.lr: 0.1, training.batch_size: 16}]\n"
        "include: [{optimizer.lr: 1.0}]\n"
    )
    found = [
        (a.get("optimizer.lr"), a.get("training.batch_size")) for a, _ in cells(tmp_path, text)
    ]
    assert found == [(0.1, 8), (0.01, 8), (0.01, 16), (1.0, None)]


def test_seeds_may_be_a_number_from_the_configs_own(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"extends: {IRIS}\nseed: 7\n")
    found = batch(tmp_path, "base: base.yaml\nseeds: 3\n").cells
    assert [cell.seed for cell in found] == [7, 8, 9]


def test_several_configs_may_be_given_by_a_pattern(tmp_path: Path) -> None:
    for name, units in (("a", 4), ("b", 8)):
        override = f"architecture: {{layers: [{{dense: {units}}}, {{dense: 3}}]}}"
        (tmp_path / f"m-{name}.yaml").write_text(f"extends: {IRIS}\n{override}\n")
    found = batch(tmp_path, "configs: m-*.yaml\n").cells
    assert [(cell.axes["config"], cell.config.name) for cell in found] == [
        ("m-a", "m-a"),
        ("m-b", "m-b"),
    ]


def test_a_cell_is_the_config_that_set_makes_of_the_base(tmp_path: Path) -> None:
    text = "grid: {optimizer: [{kind: sgd, lr: 0.1}]}\n"
    (cell,) = batch(tmp_path, BASE + text).cells
    wanted = load_config(IRIS, ["optimizer={kind: sgd, lr: 0.1}"])
    assert cell.config.resolved() == wanted.resolved()


def test_paths_are_relative_to_the_batch_file(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").write_text("x,y\n1,a\n2,b\n")
    (cell,) = batch(tmp_path, BASE + "grid: {data.source.path: [iris.csv]}\n").cells
    assert cell.config.resolved()["data"]["source"]["path"] == str(tmp_path / "iris.csv")


BATCHES = [
    path
    for path in sorted((IRIS.parent / "batch").glob("*.yaml"))
    if "\nbase:" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", BATCHES, ids=lambda path: path.stem)
def test_every_shipped_batch_has_valid_cells(path: Path) -> None:
    assert len(load_batch(path).cells) > 1


MISTAKES = {
    "an axis that overrides nothing": (
        BASE + "grid:\n  optimizr.lr: [0.1]\n",
        r"b\.yaml:3:3: optimizr: unknown key; did you mean 'optimizer'\?",
    ),
    "a list where a number is wanted": (
        BASE + "grid:\n  optimizer.lr: [[0.1, 0.2]]\n",
        r"b\.yaml:3:18: optimizer\.lr: expected a number, got ",
    ),
    "a number where a list is wanted": (
        BASE + "grid:\n  optimizer.lr: 0.1\n",
        r"b\.yaml:3:17: grid\.optimizer\.lr: expected a list, got 0\.1",
    ),
    "an axis given twice": (
        BASE + "grid: {optimizer.lr: [0.1]}\nzip: {optimizer.lr: [0.2]}\n",
        r"b\.yaml:3:7: zip\.optimizer\.lr: this axis is already given at .*b\.yaml:2:8",
    ),
    "an axis that a variant sets too": (
        BASE + "grid: {optimizer.lr: [0.1]}\nvariants: {a: {optimizer.lr: 1}}\n",
        r"b\.yaml:3:16: variants\.a\.optimizer\.lr: this setting is already an axis",
    ),
    "an empty grid": (
        BASE + "grid: {optimizer.lr: []}\n",
        r"b\.yaml:2:22: grid\.optimizer\.lr: needs at least 1 item\(s\), got 0",
    ),
    "a seed list with a duplicate": (
        BASE + "seeds: [1, 2, 1]\n",
        r"b\.yaml:2:15: seeds\.2: duplicate seed 1 \(first at .*b\.yaml:2:9\)",
    ),
    "seeds as an axis": (
        BASE + "grid: {seed: [1, 2]}\n",
        r"b\.yaml:2:8: grid\.seed: use seeds: ",
    ),
    "no seed at all": (BASE + "seeds: 0\n", r"b\.yaml:2:8: seeds: must be at least 1, got 0"),
    "lists of different lengths": (
        BASE + "zip: {optimizer.lr: [0.1], training.batch_size: [8, 16]}\n",
        r"b\.yaml:2:1: zip: all lists must have the same length; optimizer\.lr has 1, ",
    ),
    "a base that does not exist": ("base: none.yaml\n", r"b\.yaml:1:7: base: no such file: .*none"),
    "a pattern without files": ("configs: '*.none'\n", r"b\.yaml:1:10: configs: no file matches"),
    "neither base nor configs": ("seeds: 3\n", r"set base or configs, one of them"),
    "everything left out": (
        BASE + "grid: {optimizer.lr: [0.1]}\nexclude: [{optimizer.lr: 0.1}]\n",
        r"no cell is left",
    ),
    "a value out of its range": (
        BASE + "grid: {optimizer.lr: [0.1, -1]}\n",
        r"b\.yaml:2:28: optimizer\.lr: must be more than 0, got -1",
    ),
    "an unknown key": (BASE + "gird: {}\n", r"b\.yaml:2:1: gird: unknown key; did you mean 'grid'"),
    "a cell that is invalid only in combination": (
        BASE + "grid: {optimizer: [adam, lbfgs], training.accumulate: [1, 2]}\n",
        r"b\.yaml:2:59: training\.accumulate: has no effect: 'lbfgs' uses all samples",
    ),
    "an impossible gate": (
        BASE + "expect: {test.accuracy: {seeds: 3}}\n",
        r"b\.yaml:2:25: expect\.test\.accuracy: set min, max or no_worse_than",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_told_with_its_position(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        batch(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "grid: {architecture.layers.1.dense.units: [3, 4]}\n",
            r"iris.*4 outputs.* \(in cell units=4\)|units.*\(in cell units=4\)",
        ),
        (
            "expect: {test.acuracy: {min: 0.9}}\n",
            r"b\.yaml:2:24: expect\.test\.acuracy: no cell .*; did you mean 'test\.accuracy'\?",
        ),
        (
            "expect: {test.accuracy: {no_worse_than: none.json}}\n",
            r"none\.json: the baseline cannot be read .*--write-baseline",
        ),
    ],
)
def test_so_is_what_only_the_data_reveals(tmp_path: Path, text: str, message: str) -> None:
    loaded = batch(tmp_path, BASE + text)
    with pytest.raises(NnkitError, match=message):
        check_cells(loaded, loaded.cells)
