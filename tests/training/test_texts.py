"""Tests of training on texts, for each kind of prediction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.inspection.gradient_check import check_gradients
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import load_task
from nnkit.training.trainer import Trainer
from tests.training.configs import laid_over
from tests.training.resuming import resumes

WORDS = ["".join(word) for word in ("abc", "ba", "c", "cab", "bbca", "ac", "a")]
SHORT = {"training": {"epochs": 2, "batch_size": 8}, "optimizer": {"lr": 0.01}}
DENSE = {"dense": "auto"}
LAYERS: list[Any] = [{"embedding": 4}, {"gru": 5}, {"dense": "auto"}]
AT_EACH: list[Any] = [{"embedding": 4}, {"lstm": {"units": 5, "output": "all"}}, {"dense": "auto"}]
TRANSLATOR = {
    "encoder": [{"embedding": 4}, {"gru": {"units": 5, "bidirectional": True}}],
    "decoder": [{"embedding": 4}, {"gru": 5}, {"attention": "general"}, {"dense": "auto"}],
}


def write_pairs(folder: Path, targets: list[str]) -> dict[str, Any]:
    """Writes words with targets, and returns the source that reads them."""
    lines = [f"{word}\t{target}" for word, target in zip(WORDS * 8, targets * 8, strict=True)]
    (folder / "pairs.tsv").write_text("\n".join(lines) + "\n")
    return {"kind": "pairs", "path": str(folder / "pairs.tsv")}


def of_labels(folder: Path) -> dict[str, Any]:
    source = write_pairs(folder, [word[0] for word in WORDS])
    return {"data": {"source": {**source, "targets": "class"}}, "architecture": {"layers": LAYERS}}


def of_numbers(folder: Path) -> dict[str, Any]:
    source = write_pairs(folder, [str(len(word)) for word in WORDS])
    data = {"source": {**source, "targets": "number"}, "target": "standardize"}
    return {"data": data, "architecture": {"layers": LAYERS}, "loss": "squared_error"}


def of_tags(folder: Path) -> dict[str, Any]:
    source = write_pairs(folder, [word.upper() for word in WORDS])
    return {"data": {"source": source}, "architecture": {"layers": AT_EACH}}


def of_next_in_lines(folder: Path) -> dict[str, Any]:
    (folder / "lines.txt").write_text("\n".join(WORDS * 8))
    source = {"kind": "text", "path": str(folder / "lines.txt"), "samples": "lines"}
    return {
        "data": {"source": source, "targets": "next"},
        "architecture": {"layers": AT_EACH},
    }


def of_next_in_windows(folder: Path, **settings: Any) -> dict[str, Any]:
    (folder / "long.txt").write_text(" ".join(WORDS * 12))
    source = {"kind": "text", "path": str(folder / "long.txt")}
    windows = {"length": 6, **settings}
    return {
        "data": {"source": source, "targets": "next", "windows": windows},
        "architecture": {"layers": AT_EACH},
    }


def of_next_in_a_stream(folder: Path) -> dict[str, Any]:
    return of_next_in_windows(folder, stream=True)


def of_translations(folder: Path) -> dict[str, Any]:
    source = write_pairs(folder, [word[::-1] for word in WORDS])
    return {"data": {"source": source}, "architecture": TRANSLATOR}


KINDS = {
    "labels": of_labels,
    "numbers": of_numbers,
    "tags": of_tags,
    "lines": of_next_in_lines,
    "windows": of_next_in_windows,
    "stream": of_next_in_a_stream,
    "translations": of_translations,
}
every = pytest.mark.parametrize("kind", KINDS)


def config(kind: str, folder: Path, **sections: Any) -> Config:
    return config_from(laid_over(laid_over(KINDS[kind](folder), SHORT), sections))


@every
@pytest.mark.parametrize("tokens", [None, 20])
def test_it_resumes_to_the_last_bit(kind: str, tokens: int | None, tmp_path: Path) -> None:
    """Interrupted in the middle of an epoch, where a stream has a state."""
    sections = {} if tokens is None or kind == "stream" else {"training": {"batch_tokens": tokens}}
    resumes(config(kind, tmp_path, **sections), tmp_path)


@every
def test_every_gradient_is_right(kind: str, tmp_path: Path) -> None:
    checks = check_gradients(config(kind, tmp_path))
    assert not [check for check in checks if not check.passed]


@every
def test_a_checkpoint_evaluates_as_training_did(kind: str, tmp_path: Path) -> None:
    run = nnkit.train(config(kind, tmp_path), runs=tmp_path)
    found = run.load().evaluate("validation")
    assert {name: found[name] for name in run.results["validation"]} == run.results["validation"]


def steps_of(trainer: Trainer) -> Iterator[np.ndarray[Any, Any]]:
    for _ in trainer.loop.run():
        yield trainer.model.params.copy()


@every
def test_an_evaluation_between_two_steps_changes_no_bit(kind: str, tmp_path: Path) -> None:
    wanted = config(kind, tmp_path)
    quiet, watched = (Trainer(load_task(wanted), tmp_path) for _ in range(2))
    for before, after in zip(steps_of(quiet), steps_of(watched), strict=True):
        assert before.tobytes() == after.tobytes()
        watched.loop.evaluate()


@pytest.mark.slow
def test_a_network_learns_to_reverse_words(tmp_path: Path) -> None:
    """Learns words that are also in the test set, so that it can know all of them."""
    sections = {"training": {"epochs": 60}, "optimizer": {"lr": 0.02}}
    run = nnkit.train(config("translations", tmp_path, **sections), runs=tmp_path)
    assert run.results["test"]["exact_match"] == 1
    assert run.results["test"]["bleu"] == 0  # words of three characters have no four-grams


def test_the_state_of_a_stream_is_what_one_long_run_has(tmp_path: Path) -> None:
    """Compares training losses of the first epoch at a learning rate of zero."""
    sections = {"optimizer": {"lr": 1e-30}, "training": {"epochs": 1, "batch_size": 1}}
    short = Trainer(load_task(config("stream", tmp_path, **sections)), tmp_path)
    whole = {"windows": {"length": 1000, "stream": True}}
    at_once = Trainer(load_task(config("stream", tmp_path, **sections, data=whole)), tmp_path)
    weights, losses = [], []
    for batch in short.loop.batches.epoch(0):
        losses.append(short.loop.step((batch,)))
        weights.append(batch.total)
    (batch,) = at_once.loop.batches.epoch(0)
    assert np.average(losses, weights=weights) == pytest.approx(at_once.loop.step((batch,)), 1e-5)


def test_predictions_of_texts_do_not_depend_on_their_neighbours(tmp_path: Path) -> None:
    model = nnkit.train(config("labels", tmp_path), runs=tmp_path).load()
    together = model.outputs(WORDS)
    for word, expected in zip(WORDS, together, strict=True):
        np.testing.assert_allclose(model.outputs([word])[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"data": {"windows": 3}}, "data.windows: has no effect"),
        ({"data": {"augment": ["flip"]}}, "data.augment: changes images"),
        ({"data": {"preprocess": ["standardize"]}}, "data.preprocess: is for numbers"),
        ({"data": {"targets": "inputs"}}, "texts cannot be targets of themselves"),
        ({"architecture": {"layers": AT_EACH}}, "architecture.layers.2"),
    ],
)
def test_settings_that_do_not_suit_texts(
    sections: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(nnkit.ConfigError, match=message):
        nnkit.train(config("labels", tmp_path, **sections), runs=tmp_path)


def test_a_text_shorter_than_a_window_is_padded(tmp_path: Path) -> None:
    """Compares outputs for each text alone with those in a batch with longer ones."""
    layers = [{"embedding": 4}, {"conv": {"filters": 3, "kernel": 4}}, "global_avg_pool", DENSE]
    model = nnkit.train(
        config("labels", tmp_path, architecture={"layers": layers}), runs=tmp_path
    ).load()
    together = model.outputs(WORDS)
    for word, expected in zip(WORDS, together, strict=True):
        np.testing.assert_allclose(model.outputs([word])[0], expected, rtol=1e-5)


def test_a_text_longer_than_a_learned_encoding_is_named(tmp_path: Path) -> None:
    def layers(length: int) -> dict[str, Any]:
        encoding = {"positional_encoding": {"method": "learned", "length": length}}
        return {"layers": [{"embedding": 4}, encoding, "global_avg_pool", DENSE]}

    with pytest.raises(
        nnkit.DataError, match=r"pairs\.tsv:[0-9]+: 4 symbols, but the layers take.* 3;"
    ):
        nnkit.train(config("labels", tmp_path, architecture=layers(3)), runs=tmp_path)
    run = nnkit.train(config("labels", tmp_path, architecture=layers(4)), runs=tmp_path)
    with pytest.raises(nnkit.DataError, match="text 2: 5 symbols, but the model takes at most 4"):
        run.load().predict(["abca", "abcab"])


@pytest.mark.parametrize("gates", [{}, {"train.bleu": {"min": 0}}])
def test_texts_of_the_training_set_are_written_only_for_a_gate(
    gates: dict[str, Any], tmp_path: Path
) -> None:
    wanted = config("translations", tmp_path, training={"metrics": ["bleu"]}, expect=gates)
    results = nnkit.train(wanted, runs=tmp_path).results
    assert "bleu" in results["validation"]
    assert ("bleu" in results["train"]) == bool(gates)
