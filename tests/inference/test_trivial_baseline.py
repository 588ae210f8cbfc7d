"""The simplest model of each task over sequences, whose metrics stand beside those of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sacrebleu
from sklearn.metrics import r2_score

import nnkit
from nnkit.baselines.ngram_model import NgramModel
from nnkit.inference.trivial_baseline import TrivialBaseline, trivial_baseline
from nnkit.task.config_loading import config_from
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task
from tests.inference.text_models import sentences, settings

CONFIGS = Path(__file__).parents[2] / "configs"


def baseline(task: Task, split: str | None = "test") -> TrivialBaseline | None:
    model = task.build_model()
    return trivial_baseline(task, task.prepare(task.sets[split or "test"], model), split)


def figures(task: Task, split: str = "test") -> dict[str, float]:
    found = baseline(task, split)
    assert found is not None
    return dict(found.figures)


def of_kind(kind: str, folder: Path, **data: Any) -> Task:
    found = settings(kind, folder / f"{kind}.tsv")
    return load_task(config_from({**found, "data": {**found["data"], **data}}))


def test_tags_as_published_for_the_most_frequent_one() -> None:
    found = figures(load_task(nnkit.load_config(CONFIGS / "tagging-atis.yaml")))
    assert found["token_accuracy"] == pytest.approx(0.9596, abs=5e-5)
    assert set(found) == {"token_accuracy", "exact_match"}


def test_spans_are_compared_where_tags_mark_them(tmp_path: Path) -> None:
    lines = sentences("tag").replace("even", "O").replace("odd", "B-odd")
    task = of_kind("tag", tmp_path)
    (tmp_path / "tag.tsv").write_text(lines)
    task = load_task(task.config)
    assert figures(task)["span_f1"] == 1  # in these texts, each word has one tag


@pytest.mark.parametrize("split", ["test", None])
def test_a_copy_of_the_source(tmp_path: Path, split: str | None) -> None:
    """Also for other data than that of the training."""
    task = of_kind("translate", tmp_path)
    found = baseline(task, split)
    assert found is not None
    assert found.model == "copying the source"
    pairs = dict(zip(task.sets["test"].inputs[:], task.sets["test"].targets[:], strict=True))
    reference = sacrebleu.corpus_chrf(list(pairs), [list(pairs.values())])
    assert found.figures["chrf"] == pytest.approx(reference.score, abs=1e-9)


def test_ngrams_of_a_text_that_is_divided_into_windows() -> None:
    """The context of a symbol is the text before it, whatever the windows."""
    task = load_task(nnkit.load_config(CONFIGS / "time-machine-rnn.yaml"))
    assert task.coding is not None
    encoder = task.coding.inputs
    train, held_out = (
        encoder.encode(str(task.sets[name].inputs[:][0])).tolist()
        for name in ("train", "validation")
    )
    logs = NgramModel([train], 5, len(encoder.symbols)).log_probabilities(held_out)[1:]
    found = baseline(task, "validation")
    assert found is not None
    assert found.model == "5-grams (Kneser-Ney)"
    assert found.figures["perplexity"] == pytest.approx(np.exp(-logs.mean()))


def test_ngrams_of_lines_know_where_they_begin_and_end(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("".join(f"{c}b\n" for c in "ac" * 50))
    source = {"kind": "text", "path": str(tmp_path / "lines.txt"), "samples": "lines"}
    task = of_kind("lines", tmp_path, source=source)
    # Of the three symbols of a line, the first is one of two, and the others are certain.
    assert figures(task)["perplexity"] == pytest.approx(2 ** (1 / 3), rel=0.03)


def test_long_texts_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = of_kind("lines", tmp_path)
    monkeypatch.setattr("nnkit.inference.trivial_baseline.MOST_COUNTED", 100)
    assert baseline(task) is None


def test_the_last_value_of_a_series(tmp_path: Path) -> None:
    values = np.cumsum(np.random.default_rng(0).normal(size=80))
    (tmp_path / "walk.csv").write_text("a\n" + "".join(f"{value}\n" for value in values))
    source = {"kind": "series", "path": str(tmp_path / "walk.csv"), "label": "a", "window": 4}
    layers = {"layers": ["flatten", {"dense": "auto"}]}
    section = {"source": source, "target": "standardize"}
    task = load_task(
        config_from({"data": section, "architecture": layers, "loss": "squared_error"})
    )
    test = task.sets["test"]
    last, target = np.asarray(test.inputs)[:, 0, -1:], np.asarray(test.targets)
    found = figures(task)
    assert found["r2"] == pytest.approx(r2_score(target, last))
    assert found["mae"] == pytest.approx(np.abs(last - target).mean())


def test_there_is_none_for_classes_and_for_other_data_to_be_counted(tmp_path: Path) -> None:
    assert baseline(of_kind("label", tmp_path)) is None
    assert baseline(of_kind("tag", tmp_path), None) is None
