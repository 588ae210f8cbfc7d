"""Tune files: every mistake says where it is and what to do, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnkit.errors import NnkitError
from nnkit.experiments.tune_checks import check_tune
from nnkit.experiments.tune_file import load_tune
from tests.experiments.tune_files import BASE, IRIS, LR, SEARCH, tune_file

CONFIGS = Path(__file__).parents[2] / "configs" / "tune"
METRIC = "search: {metric: validation.loss, "


def errors(folder: Path, text: str, base: str = BASE) -> str:
    with pytest.raises(NnkitError) as raised:
        check_tune(tune_file(folder, text, base))
    assert raised.value.exit_code == 2
    return str(raised.value).replace(str(folder) + "/", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LR, "t.yaml:1:1: search: this key is required; add search: {metric: "),
        (SEARCH, "t.yaml:1:1: nothing to search; write a space where a value stands, such as lr: "),
        (LR + "search: {trials: 3}\n", "6:1: search.metric: this key is required"),
        (
            LR + METRIC + "sampler: tpee}",
            "6:44: search.sampler: unknown kind 'tpee'; did you mean 'tpe'?",
        ),
        (LR + METRIC + "pruner: {median: {warmup: -1}}}", "must be at least 0, got -1"),
        (LR + METRIC + "trials: 0}", "6:43: search.trials: must be at least 1, got 0"),
        (LR + METRIC + "trails: 3}", "6:35: search.trails: unknown key; did you mean 'trials'?"),
        (
            "optimizer: {lrr: {float: {low: 1, high: 2}}}\n" + SEARCH,
            "5:13: optimizer.lrr: unknown key; did you mean 'lr'?",
        ),
        (
            "optimizer: {lr: {low: 1e-3, high: 0.1}, clip: {float: {low: 1, high: 2}}}\n" + SEARCH,
            "5:17: optimizer.lr: expected a number, got a mapping; a search space is {float: ",
        ),
        (
            "optimizer: {lr: {float: {low: -0.1, high: 0.1}}}\n" + SEARCH,
            "5:31: optimizer.lr: must be more than 0, got -0.1",
        ),
        (
            "optimizer: {choice: [adam, {kind: sgd, nesterov: 3}]}\n" + SEARCH,
            "5:50: optimizer.nesterov: expected true or false, got 3",
        ),
        (
            "optimizer: {choice: [adam, {kind: adam}]}\n" + SEARCH,
            "5:12: optimizer: has no effect: several of its values give the same config",
        ),
        (
            "seed: {int: {low: 0, high: 9}}\n" + SEARCH,
            "5:7: seed: cannot be searched: a seed is luck",
        ),
        (
            "data: {split: {test: {float: {low: 0.1, high: 0.3}}}}\n" + SEARCH,
            "5:22: data.split.test: cannot be searched: metrics on different data cannot be",
        ),
        (
            LR + METRIC + "sampler: grid}",
            "5:29: optimizer.lr: a grid needs separate values; write them as {choice: […]}, or use",
        ),
        (
            "optimizer: {choice: [adam, {kind: sgd, momentum: {choice: [0, 0.9]}}]}\n"
            + METRIC
            + "sampler: grid}",
            "5:50: optimizer.momentum: a grid cannot contain spaces within an option; use the",
        ),
        (
            LR + METRIC + "sampler: cma_es}",
            "6:44: search.sampler: cma_es needs at least two spaces of kind int or float",
        ),
        (
            LR + "search: {metric: test.accuracy}",
            "6:18: search.metric: the test set must not choose hyper-parameters, or it no longer",
        ),
        (
            "loss: {choice: [cross_entropy, focal]}\nsearch: {metric: validation.loss}",
            "6:18: search.metric: validation.loss is not the same quantity in all trials (loss=",
        ),
        (
            LR + "search: {metric: validation.acuracy}",
            "6:18: search.metric: unknown metric 'validation.acuracy'; available: validation.loss",
        ),
        (
            LR + "search: {metric: accuracy}",
            "6:18: search.metric: unknown metric 'accuracy'; did you mean 'validation.accuracy'?",
        ),
        (LR + METRIC + "sampler: bayesian}", "unknown kind 'bayesian'; did you mean 'tpe'?"),
        (LR + METRIC + "pruner: asha}", "unknown kind 'asha'; did you mean 'successive_halving'?"),
        (LR + "search: {metric: validation.f1}", "training.metrics: [f1] adds it"),
        (
            LR + "search: {metric: train.accuracy, pruner: median}",
            "6:18: search.metric: a pruner needs a metric that is evaluated during training; use",
        ),
        (
            LR + "data: {split: {validation: 0}}\nsearch: {metric: validation.loss}",
            "7:18: search.metric: there is no validation set; set data.split.validation",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    assert message in errors(tmp_path, text)


def test_a_config_that_is_invalid_only_in_combination(tmp_path: Path) -> None:
    text = (
        "optimizer: {kind: adamw, lr: {float: {low: 0.1, high: 0.9}}, "
        "weight_decay: {float: {low: 0.1, high: 1.2}}}\n"
    )
    found = errors(tmp_path, text + SEARCH)
    assert found.startswith("t.yaml:5:101: optimizer.weight_decay: lr · weight_decay must be below")
    assert "but is 1.08 (with lr=0.9 weight_decay=1.2)" in found
    assert found.count("\n") == 0


def test_shapes_that_do_not_fit_the_data(tmp_path: Path) -> None:
    text = "architecture: {layers: [dense: 4, dense: {int: {low: 3, high: 5}}]}\n"
    assert "t.yaml:5:63: architecture.layers.1.dense: " in errors(tmp_path, text + SEARCH)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = "optimizer: {choice: [{kind: sgd, lr: -1}, {kind: adam, lr: 0}]}\n"
    assert errors(tmp_path, text + SEARCH).count("must be more than 0") == 2
    text = "optimizer: {lr: {float: {low: 1, high: 0}}, clip: {choice: [1]}}\nsearch: {trails: 3}\n"
    assert errors(tmp_path, text).count("\n") == 3


def test_missing_data_has_its_own_exit_code(tmp_path: Path) -> None:
    base = BASE + "data: {source: {kind: csv, path: none.csv, label: x}}\n"
    with pytest.raises(NnkitError, match=r"none\.csv: no such file") as raised:
        check_tune(tune_file(tmp_path, LR + SEARCH, base))
    assert raised.value.exit_code == 3


@pytest.mark.parametrize(
    ("search", "trials"),
    [("", 50), (", trials: 7", 7), (", sampler: grid", 6), (", sampler: grid, trials: 4", 4)],
)
def test_the_number_of_trials(tmp_path: Path, search: str, trials: int) -> None:
    text = (
        "optimizer: {lr: {choice: [0.1, 0.01]}}\n"
        "architecture: {layers: [dense: {int: {low: 4, high: 8, step: 2}}, dense: 3]}\n"
    )
    found = tune_file(tmp_path, f"{text}search: {{metric: validation.loss{search}}}\n")
    assert found.trials == trials


def test_another_space_or_seed_is_another_study_but_more_trials_are_not(tmp_path: Path) -> None:
    def name(text: str) -> str:
        return check_tune(tune_file(tmp_path, text)).study

    own = name(LR + SEARCH)
    assert own.startswith("t-")
    assert name(LR + SEARCH.replace("trials: 4", "trials: 9")) == own
    changes = [
        (LR.replace("0.1", "0.2"), SEARCH),
        (LR, SEARCH.replace("random", "tpe")),
        (LR, SEARCH.replace("trials", "seed: 1, trials")),
        (LR + "seed: 1\n", SEARCH),
    ]
    assert len({own, *(name(space + search) for space, search in changes)}) == 5


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_are_valid(path: Path) -> None:
    assert check_tune(load_tune(path)).evaluations > 1


def test_a_tune_file_can_extend_another(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(BASE + LR + SEARCH)
    (tmp_path / "second.yaml").write_text("extends: first.yaml\nsearch: {trials: 9}\n")
    found = load_tune(tmp_path / "second.yaml")
    assert (found.trials, list(found.space.dimensions)) == (9, ["optimizer.lr"])
    assert IRIS.is_file()
