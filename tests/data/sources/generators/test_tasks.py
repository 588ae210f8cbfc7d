"""Adding, addition, copy memory and dates."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime
from math import isclose, log

import numpy as np
import pytest
from pydantic import ValidationError

from nnkit.data.sources.generators.adding import Adding, adding_problem
from nnkit.data.sources.generators.addition import Addition, additions, distinct_sums
from nnkit.data.sources.generators.copy_memory import CopyMemory, copy_memory, memoryless_loss
from nnkit.data.sources.generators.date_notations import NOTATIONS, Dates, dates, written


@pytest.mark.parametrize("low", [-1, 0])
@pytest.mark.parametrize("length", [2, 3, 100])
def test_adding_marks_a_number_in_each_half(length: int, low: int) -> None:
    inputs, sums = adding_problem(500, length, low, 0)
    numbers, marks = inputs[:, 0], inputs[:, 1]
    assert inputs.shape == (500, 2, length)
    assert inputs.dtype == np.float32
    assert set(np.unique(marks)) == {0, 1} if length > 2 else {1}
    assert (marks[:, : length // 2].sum(axis=1) == 1).all()
    assert (marks[:, length // 2 :].sum(axis=1) == 1).all()
    np.testing.assert_allclose(sums[:, 0], (numbers * marks).sum(axis=1), rtol=1e-6, atol=1e-7)
    assert low <= numbers.min() < numbers.max() <= 1


@pytest.mark.parametrize(("low", "variance"), [(-1, 2 / 3), (0, 1 / 6)])
def test_adding_has_the_stated_baseline(low: int, variance: float) -> None:
    sums = adding_problem(20_000, 10, low, 1)[1]
    assert np.var(sums) == pytest.approx(variance, rel=0.03)
    assert Adding().read().input_shape == (2, 100)


def test_sums_are_right_and_different() -> None:
    pairs = additions(3_000, 2, 0)
    assert all(sum(map(int, question.split("+"))) == int(result) for question, result in pairs)
    terms = [tuple(sorted(map(int, question.split("+")))) for question, _ in pairs]
    assert len(set(terms)) == 3_000
    assert max(max(pair) for pair in terms) == 99


def test_questions_from_back_to_front() -> None:
    forward, backward = (
        Addition(count=50, reverse=reverse).read().samples for reverse in (False, True)
    )
    assert [text[::-1] for text in backward.inputs[:]] == [*forward.inputs[:]]
    assert [*backward.targets[:]] == [*forward.targets[:]]


def test_more_sums_than_there_are() -> None:
    every = {tuple(sorted((a, b))) for a in range(100) for b in range(100)}
    assert distinct_sums(2) == len(every)
    with pytest.raises(ValidationError, match="count may be at most 2,525"):
        Addition(digits=2, count=2_526)
    assert len(Addition(digits=2, count=2_525).read().samples) == 2_525


@pytest.mark.parametrize("pause", [1, 2, 30])
def test_copy_memory(pause: int) -> None:
    for text, target in copy_memory(50, pause, 0):
        assert re.fullmatch(f"[A-H]{{10}}-{{{pause - 1}}}:-{{10}}", text)
        assert target == "-" * (pause + 10) + text[:10]
        assert len(text) == len(target) == pause + 20


def test_symbols_to_copy_are_equally_frequent() -> None:
    samples = CopyMemory(count=8_000).read().samples
    counts = Counter("".join(text[:10] for text in samples.inputs[:]))
    assert set(counts) == set("ABCDEFGH")
    assert max(abs(count - 10_000) for count in counts.values()) < 5 * 94  # standard deviations


def test_the_loss_without_memory() -> None:
    """Checks the value against the best prediction: certain of blanks, eight equal symbols."""
    pause = 100
    losses = [-log(1)] * (pause + 10) + [-log(1 / 8)] * 10
    assert isclose(memoryless_loss(pause), sum(losses) / len(losses))
    assert memoryless_loss(pause) == pytest.approx(0.1733, abs=1e-4)


# The notations as the standard library parses them, but for two-digit years before 1969.
PARSED = {
    "{year}-{month:02}-{day:02}": "%Y-%m-%d",
    "{year}.{month:02}.{day:02}": "%Y.%m.%d",
    "{year}/{month:02}/{day:02}": "%Y/%m/%d",
    "{year}{month:02}{day:02}": "%Y%m%d",
    "{month:02}{day:02}{short:02}": "%m%d%y",
    "{month:02}/{day:02}/{year}": "%m/%d/%Y",
    "{month:02}/{day:02}/{short:02}": "%m/%d/%y",
    "{month}/{day}/{year}": "%m/%d/%Y",
    "{month}/{day}/{short:02}": "%m/%d/%y",
    "{day:02}-{month:02}-{year}": "%d-%m-%Y",
    "{day:02}.{month:02}.{year}": "%d.%m.%Y",
    "{day}.{month}.{short:02}": "%d.%m.%y",
    "{day:02}{MON}{year}": "%d%b%Y",
    "{day} {mon} {year}": "%d %b %Y",
    "{day}-{mon}-{short:02}": "%d-%b-%y",
    "{MON} {day:02} {short:02}": "%b %d %y",
    "{MON} {day:02} {year}": "%b %d %Y",
    "{mon} {day}, {year}": "%b %d, %Y",
    "{name} {day}, {year}": "%B %d, %Y",
    "{day} {name} {year}": "%d %B %Y",
    "{weekday}, {day} {name} {year}": "%A, %d %B %Y",
    "{weekday}, {name} {day}, {year}": "%A, %B %d, %Y",
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_notation_says_which_day_it_is(notation: str) -> None:
    for day in (date(1950, 1, 1), date(1968, 12, 31), date(2000, 2, 29), date(2049, 10, 5)):
        parsed = datetime.strptime(written(day, notation), PARSED[notation])  # noqa: DTZ007
        # POSIX takes 69 to 99 for the last century; here these are 50 to 99.
        year = parsed.year - 100 if parsed.year > 2049 else parsed.year
        assert parsed.date().replace(year=year) == day


def test_dates_are_different_and_written_in_every_notation() -> None:
    pairs = dates(36_525, 0)
    days = sorted(iso for _, iso in pairs)
    assert (len(set(days)), days[0], days[-1]) == (36_525, "1950-01-01", "2049-12-31")
    found: Counter[str] = Counter()
    for text, iso in pairs[:2_000]:
        matching = [n for n in NOTATIONS if written(date.fromisoformat(iso), n) == text]
        assert matching
        found.update(matching)
    assert min(found[notation] for notation in NOTATIONS) > 40


def test_more_dates_than_there_are() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 36525"):
        Dates(count=36_526)
