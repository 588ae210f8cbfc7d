"""Tests of weight averaging: PyTorch's values, and averages and weights in checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

import nnkit
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.optim.averaging import EMA, SWA, AnyAveraging, Average, Averaging
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.training.trainer import CURRENT
from tests.golden import case_name, torch_vectors
from tests.nn.examples import examples, name
from tests.training.configs import iris, trainer_for
from tests.training.test_loop import advance, state

AVERAGINGS: list[Averaging] = examples(AnyAveraging)
every = pytest.mark.parametrize("averaging", AVERAGINGS, ids=name)


def averages(averaging: Averaging, course: Array) -> list[Array]:
    """Returns the average after each step of a trajectory (steps, P)."""
    average, found = Average(averaging, np.zeros(course.shape[1])), []
    for step, params in enumerate(course, start=1):
        average.add(params, step, len(course))
        found.append(average.values.copy())
    return found


@pytest.mark.parametrize("case", torch_vectors("averagings"), ids=case_name)
def test_as_pytorch_averages(case: dict[str, Any]) -> None:
    found = averages(
        TypeAdapter(AnyAveraging).validate_python(case["spec"]), np.array(case["course"])
    )
    assert case["averages"]
    for step, average in case["averages"].items():
        np.testing.assert_allclose(found[int(step) - 1], average, rtol=1e-12)


def test_the_exponential_average_begins_as_the_plain_mean() -> None:
    course = np.cos(np.arange(30.0)).reshape(10, 3)
    found = averages(EMA(decay=0.8), course)
    for step in range(1, 6):  # 1/(1 − 0.8) steps
        np.testing.assert_allclose(found[step - 1], course[:step].mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found[5], 0.8 * found[4] + 0.2 * course[5])


def test_until_it_begins_the_average_is_the_weights() -> None:
    course = np.cos(np.arange(30.0)).reshape(10, 3)
    found = averages(SWA(start=0.5, every=2), course)
    np.testing.assert_array_equal(found[:5], course[:5])
    np.testing.assert_allclose(found[-1], course[[6, 8]].mean(axis=0))


@every
@pytest.mark.parametrize("stop", [4, 9, 17])
def test_a_checkpoint_holds_the_average_and_resumes_the_weights(
    tmp_path: Path, averaging: Averaging, stop: int
) -> None:
    config = iris(training={"averaging": averaging.model_dump()})
    whole = trainer_for(config, tmp_path)
    advance(whole.loop, whole.loop.steps)
    first = trainer_for(config, tmp_path)
    advance(first.loop, stop)
    first.directory.create(config.to_yaml())
    first.save()

    checkpoint = read_checkpoint(first.directory.last)
    assert first.loop.average is not None
    views = first.model.layout.views(first.loop.average.values)
    assert {k: v.tobytes() for k, v in checkpoint.part("params").items()} == {
        k: v.tobytes() for k, v in views.items()
    }
    assert checkpoint.part("optimizer")[CURRENT].tobytes() == first.model.params.tobytes()

    second = trainer_for(config, tmp_path)
    second.restore(checkpoint)
    assert state(second) == state(first)
    advance(second.loop, second.loop.steps)
    assert state(second) == state(whole)
    assert second.loop.average is not None
    assert whole.loop.average is not None
    assert second.loop.average.values.tobytes() == whole.loop.average.values.tobytes()


@every
def test_evaluations_and_the_trained_model_have_the_average(
    tmp_path: Path, averaging: Averaging
) -> None:
    config = iris(training={"averaging": averaging.model_dump()})
    run = nnkit.train(config, runs=tmp_path)
    trainer = trainer_for(config, tmp_path / "again")
    advance(trainer.loop, trainer.loop.steps)
    average = trainer.loop.average
    assert average is not None
    assert run.load().model.params.tobytes() == average.values.tobytes()
    before = trainer.model.params.copy()
    with numerics(), average.swapped_in(trainer.model.params):
        assert trainer.model.params.tobytes() == average.values.tobytes()
        figures = trainer.loop.evaluate()
    assert trainer.model.params.tobytes() == before.tobytes()
    assert figures["validation.loss"] == run.summary["results"]["validation"]["loss"]
