"""Schedules: their bounds, their warm-up, and values known beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from nnkit.optim.schedules import AnySchedule, Cosine, InverseScaling, Schedule
from tests.golden import case_name, torch_vectors
from tests.nn.examples import examples, name

every = pytest.mark.parametrize("schedule", examples(AnySchedule), ids=name)
warmups = st.floats(0, 0.99)
lengths = st.integers(1, 300)


def factors(schedule: Schedule, steps: int) -> list[float]:
    return [schedule.factor(step, steps) for step in range(steps)]


@every
@given(warmup=warmups, steps=lengths)
def test_stays_between_0_and_1_and_above_0(schedule: Schedule, warmup: float, steps: int) -> None:
    warming = schedule.model_copy(update={"warmup": warmup})
    assert all(0 < factor <= 1 for factor in factors(warming, steps))


@every
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


@every
def test_without_warm_up_it_begins_at_the_full_rate_and_never_rises(schedule: Schedule) -> None:
    course = factors(schedule, 100)
    assert course[0] == 1
    assert course == sorted(course, reverse=True)


def test_cosine_is_halfway_in_the_middle_and_ends_at_its_floor() -> None:
    assert Cosine().factor(50, 100) == pytest.approx(0.5)
    assert Cosine(floor=0.2).factor(50, 100) == pytest.approx(0.6)
    assert Cosine(floor=0.2).factor(9_999, 10_000) == pytest.approx(0.2, abs=1e-7)


def test_inverse_scaling_follows_its_power() -> None:
    assert factors(InverseScaling(), 4) == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5])
    assert InverseScaling(power=2.0).factor(9, 100) == pytest.approx(0.01)


def test_the_course_after_warm_up_takes_the_steps_that_remain() -> None:
    assert factors(Cosine(warmup=0.5), 20)[10:] == factors(Cosine(), 10)


@pytest.mark.parametrize("case", torch_vectors("schedules"), ids=case_name)
def test_as_pytorch_computes_it(case: dict[str, Any]) -> None:
    schedule: Schedule = TypeAdapter(AnySchedule).validate_python(case["spec"])
    assert factors(schedule, len(case["factors"])) == pytest.approx(case["factors"], abs=1e-12)
