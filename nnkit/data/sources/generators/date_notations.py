"""Dates in many notations, and in that of ISO 8601."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pydantic import Field

from nnkit.data.dataset import Dataset
from nnkit.data.sources.generators.generated import RandomlyGenerated, TextPair, paired_samples
from nnkit.random import generator

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A century, so that two digits of the year say which one it is.
FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)
MOST = (LAST - FIRST).days + 1

# With slashes and without marks the month comes first, with dashes and dots the day or the year.
NOTATIONS = (
    "{year}-{month:02}-{day:02}",
    "{year}.{month:02}.{day:02}",
    "{year}/{month:02}/{day:02}",
    "{year}{month:02}{day:02}",
    "{month:02}{day:02}{short:02}",
    "{month:02}/{day:02}/{year}",
    "{month:02}/{day:02}/{short:02}",
    "{month}/{day}/{year}",
    "{month}/{day}/{short:02}",
    "{day:02}-{month:02}-{year}",
    "{day:02}.{month:02}.{year}",
    "{day}.{month}.{short:02}",
    "{day:02}{MON}{year}",
    "{day} {mon} {year}",
    "{day}-{mon}-{short:02}",
    "{MON} {day:02} {short:02}",
    "{MON} {day:02} {year}",
    "{mon} {day}, {year}",
    "{name} {day}, {year}",
    "{day} {name} {year}",
    "{weekday}, {day} {name} {year}",
    "{weekday}, {name} {day}, {year}",
)


class Dates(RandomlyGenerated):
    """Dates of 1950 to 2049 in 22 notations, such as `JAN 20 19`, and in ISO 8601, `2019-01-20`.

    Each date occurs once, in a random notation, so that the sets have no date in common. (After the
    example date-conversion-attention of TensorFlow.js, which has 13 notations.)
    """

    kind: Literal["dates"] = "dates"
    count: int = Field(
        20_000, ge=1, le=MOST, description="Dates, which `data.split` divides into sets."
    )

    def read(self) -> Dataset:
        return Dataset(paired_samples(dates(self.count, self.seed)))


def dates(count: int, seed: int) -> list[TextPair]:
    """Different dates, each in a random notation, and in ISO 8601.

    Args:
        count: the number of dates, at most `MOST`.
        seed: seed of the draws.
    """
    draws = generator(seed, "dates")
    days = draws.permutation(MOST)[:count].tolist()
    notations = draws.integers(0, len(NOTATIONS), count).tolist()
    found = []
    for offset, notation in zip(days, notations, strict=True):
        day = FIRST + timedelta(offset)
        found.append((written(day, NOTATIONS[notation]), day.isoformat()))
    return found


def written(day: date, notation: str) -> str:
    """A date in one of the `NOTATIONS`."""
    name = MONTHS[day.month - 1]
    return notation.format(
        year=day.year,
        short=day.year % 100,
        month=day.month,
        day=day.day,
        name=name,
        mon=name[:3],
        MON=name[:3].upper(),
        weekday=WEEKDAYS[day.weekday()],
    )
