"""Tests of charts of activations and schedules, given by name and settings as in a config."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.errors import ConfigError, UsageError
from nnkit.inspection.function_charts import activation_from, draw_activation, draw_schedule
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.exponential_linear import ELU
from nnkit.nn.activations.rectifiers import LeakyReLU
from nnkit.nn.activations.smooth import GELU
from nnkit.optim.schedules import AnySchedule, Plateau, Schedule
from tests.nn.examples import examples, name
from tests.training.configs import iris, trainer_for


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        ("gelu", [], GELU()),
        ("gelu", ["form=tanh"], GELU(form="tanh")),
        ("leaky_relu: 0.2", [], LeakyReLU(slope=0.2)),
        ("leaky_relu", ["slope=0.2"], LeakyReLU(slope=0.2)),
        ("{kind: elu, alpha: 2}", ["alpha=3"], ELU(alpha=3.0)),
        ("elu: {alpha: 2}", ["elu.alpha=3"], ELU(alpha=3.0)),
    ],
)
def test_activations_as_configs_write_them(
    text: str, overrides: list[str], expected: AnyActivation
) -> None:
    assert activation_from(text, overrides) == expected


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("gelo", [], "unknown kind 'gelo'; did you mean 'gelu'?"),
        ("leaky_relu", ["slop=0.2"], "--set slop=0.2: activation.slop: unknown key; did you mean"),
        ("leaky_relu: steep", [], "expected a number, got 'steep'"),
        ("", [], "expected one of"),
        ("{gelu", [], "not YAML"),
    ],
)
def test_a_wrong_one_is_explained(text: str, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        activation_from(text, overrides)
    assert message in str(error.value)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, -2), (float("nan"), 1), (0, float("inf"))])
def test_a_range_must_be_one(low: float, high: float) -> None:
    with pytest.raises(UsageError, match="range must be"):
        draw_activation(GELU(), low, high)


@pytest.mark.parametrize("activation", examples(AnyActivation), ids=name)
def test_every_activation_can_be_drawn(activation: AnyActivation) -> None:
    found, chart, remarks = draw_activation(activation, -5, 5)
    assert activation.tag() in chart.title
    assert bool(remarks) == (found.units > 1 or bool(found.parameters) or not activation.trainable)


@pytest.mark.parametrize("schedule", examples(AnySchedule), ids=name)
def test_the_schedule_drawn_is_the_one_trained_by(schedule: Schedule) -> None:
    config = iris(optimizer={"kind": "sgd", "lr": 0.1, "schedule": schedule.model_dump()})
    found, chart, remarks = draw_schedule(config)
    loop = trainer_for(config).loop
    assert found.step.tolist() == list(range(loop.steps))
    assert found.lr.tolist() == [loop.learning_rate(step) for step in range(loop.steps)]
    assert chart.second_x is not None
    assert chart.second_x[1] == loop.per_epoch
    assert any("depends on the course of training" in r for r in remarks) == isinstance(
        schedule, Plateau
    )


def test_a_long_run_is_drawn_from_its_first_to_its_last_step() -> None:
    config = iris(training={"epochs": None, "steps": 1_000_000}, optimizer={"schedule": "cosine"})
    found, *_ = draw_schedule(config)
    assert (found.step[0], found.step[-1]) == (0, 999_999)
    assert len(found.step) < 30_000
    assert found.lr[-1] < 1e-6
    assert np.all(np.diff(found.lr) <= 0)
