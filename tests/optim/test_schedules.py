"""Tests of schedules: bounds, warm-up, and known values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from nnkit.optim.schedules import (
    AnySchedule,
    CosineDecay,
    CosineRestarts,
    InverseScaling,
    OneCycle,
    Plateau,
    PlateauState,
    Schedule,
    StepDecay,
)
from tests.golden import case_name, torch_vectors
from tests.nn.examples import examples, name

SCHEDULES: list[Schedule] = examples(AnySchedule)
every = pytest.mark.parametrize("schedule", SCHEDULES, ids=name)
RISING = (CosineRestarts, OneCycle)  # these also increase
FALLING = [s for s in SCHEDULES if not isinstance(s, RISING)]
every_falling = pytest.mark.parametrize("schedule", FALLING, ids=name)
warmups = st.floats(0, 0.99)
lengths = st.integers(1, 300)


def factors(schedule: Schedule, steps: int) -> list[float]:
    return [schedule.factor(step, steps) for step in range(steps)]


@every
@given(warmup=warmups, steps=lengths)
def test_stays_between_0_and_1_and_above_0(schedule: Schedule, warmup: float, steps: int) -> None:
    warming = schedule.model_copy(update={"warmup": warmup})
    assert all(0 < factor <= 1 for factor in factors(warming, steps))


@every_falling
@given(warmup=warmups, steps=lengths)
def test_warm_up_rises_evenly_to_where_the_schedule_begins(
    schedule: Schedule, warmup: float, steps: int
) -> None:
    warming = schedule.model_copy(update={"warmup": warmup})
    rising = int(warmup * steps)
    climb = factors(warming, steps)[: rising + 1]
    rises = [after - before for before, after in zip([0.0, *climb], climb, strict=False)]
    assert rises == pytest.approx([1 / (rising + 1)] * (rising + 1))
    assert climb[-1] == pytest.approx(schedule.factor(0, steps - rising))


@every_falling
def test_without_warm_up_it_begins_at_the_full_rate_and_never_rises(schedule: Schedule) -> None:
    course = factors(schedule, 100)
    assert course[0] == 1
    assert course == sorted(course, reverse=True)


def test_cosine_is_halfway_in_the_middle_and_ends_at_its_floor() -> None:
    assert CosineDecay().factor(50, 100) == pytest.approx(0.5)
    assert CosineDecay(floor=0.2).factor(50, 100) == pytest.approx(0.6)
    assert CosineDecay(floor=0.2).factor(9_999, 10_000) == pytest.approx(0.2, abs=1e-7)


def test_inverse_scaling_follows_its_power() -> None:
    assert factors(InverseScaling(), 4) == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5])
    assert InverseScaling(power=2.0).factor(9, 100) == pytest.approx(0.01)


def test_the_course_after_warm_up_takes_the_steps_that_remain() -> None:
    assert factors(CosineDecay(warmup=0.5), 20)[10:] == factors(CosineDecay(), 10)


@pytest.mark.parametrize("case", torch_vectors("schedules"), ids=case_name)
def test_as_pytorch_computes_it(case: dict[str, Any]) -> None:
    schedule: Schedule = TypeAdapter(AnySchedule).validate_python(case["spec"])
    assert factors(schedule, len(case["factors"])) == pytest.approx(case["factors"], abs=1e-12)


@pytest.mark.parametrize("case", torch_vectors("plateaus"), ids=case_name)
def test_plateaus_as_pytorch_finds_them(case: dict[str, Any]) -> None:
    schedule = TypeAdapter(AnySchedule).validate_python(case["spec"])
    assert isinstance(schedule, Plateau)
    state, found = PlateauState(), []
    for figure in case["figures"]:
        state = schedule.observe(state, figure, higher_is_better=False)
        found.append(state.factor)
    assert found == pytest.approx(case["factors"], abs=1e-12)


def test_a_plateau_of_what_should_rise() -> None:
    schedule, state = Plateau(patience=0, gamma=0.5), PlateauState()
    for accuracy in (0.5, 0.6, 0.7, 0.7):
        state = schedule.observe(state, accuracy, higher_is_better=True)
    assert state == PlateauState(0.5, 0.7, 0)


@every
@given(steps=lengths, per_epoch=st.integers(1, 40))
def test_per_epoch_it_changes_at_the_end_of_each(
    schedule: Schedule, steps: int, per_epoch: int
) -> None:
    """Checks that each factor of a per-epoch schedule is kept for a whole epoch."""
    by_epoch = schedule.model_copy(update={"per": "epoch"})
    course = [by_epoch.factor(step, steps, per_epoch) for step in range(steps)]
    epochs = [course[start : start + per_epoch] for start in range(0, steps, per_epoch)]
    assert all(len(set(epoch)) == 1 for epoch in epochs)
    by_step = schedule.model_copy(update={"per": "step"})
    assert [epoch[0] for epoch in epochs] == factors(by_step, len(epochs))


def test_steps_are_counted_from_0() -> None:
    assert factors(StepDecay(every=2, gamma=0.5), 5) == [1, 1, 0.5, 0.5, 0.25]


def test_one_cycle_has_no_other_warm_up() -> None:
    with pytest.raises(ValueError, match="has its own warm-up"):
        OneCycle(warmup=0.1)
