"""Dates in tables, and the numbers they become, in the proleptic Gregorian calendar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nnkit.config.spec import Listed, Spec

Array = NDArray[Any]
DateOrder = Literal["year_first", "day_first", "month_first"]
DatePart = Literal["elapsed_days", "year", "month", "day", "weekday", "hour"]


class DateColumn(Spec):
    """The numbers that a column of dates becomes, one for each part.

    `elapsed_days` counts from 1970-01-01, with the time of day as a fraction; `weekday` is 1 for
    Monday to 7 for Sunday (ISO 8601); `hour` has minutes as a fraction.
    """

    shorthand: ClassVar[str | None] = "parts"
    parts: Annotated[tuple[DatePart, ...], Listed, Field(min_length=1)] = Field(
        description="The numbers, in order.", examples=[["elapsed_days", "month"]]
    )
    order: DateOrder = Field(
        "year_first", description="Of day, month and year: 2024-03-01, 1.3.2024 or 3/1/2024."
    )


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What a date becomes. The weekday is that of ISO 8601, 1 for Monday to 7 for Sunday.
PARTS: dict[DatePart, Callable[[datetime], float]] = {
    "elapsed_days": lambda moment: (moment - EPOCH) / timedelta(days=1),
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
    "weekday": lambda moment: moment.isoweekday(),
    "hour": lambda moment: moment.hour + moment.minute / 60 + moment.second / 3600,
}

_TIME = (
    r"(?:(?:[ T]|, ?)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?"
    r"(?: ?(?P<half>[AaPp][Mm]))?(?: ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d))?)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = rf"(?P<name>(?:{'|'.join(_MONTHS)})[a-z]*)\.?"
_PATTERNS: dict[DateOrder, tuple[re.Pattern[str], ...]] = {
    "year_first": (
        re.compile(rf"(?P<year>\d{{4}})([-/.])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}}){_TIME}"),
    ),
    "day_first": (
        re.compile(rf"(?P<day>\d{{1,2}})([-/.])(?P<month>\d{{1,2}})\2(?P<year>\d{{4}}){_TIME}"),
        re.compile(rf"(?P<day>\d{{1,2}})[-. ] ?{_NAMED}[-. ] ?(?P<year>\d{{4}}){_TIME}", re.I),
    ),
    "month_first": (
        re.compile(rf"(?P<month>\d{{1,2}})([-/.])(?P<day>\d{{1,2}})\2(?P<year>\d{{4}}){_TIME}"),
        re.compile(rf"{_NAMED} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){_TIME}", re.I),
    ),
}


def parse_date(text: str, order: DateOrder) -> datetime | None:
    """Parses a date, with or without a time; None for anything else.

    A time without a zone counts as UTC, so that differences of local times are kept.

    Args:
        text: such as 2024-03-01, 1/3/2024 14:05, 1.3.2024 or 1 March 2024.
        order: the order of day, month and year.
    """
    for pattern in _PATTERNS[order]:
        if found := pattern.fullmatch(text):
            parts = found.groupdict()
            month = parts.get("month") or _MONTHS.index(parts["name"][:3].lower()) + 1
            hour = int(parts["hour"] or 0)
            if half := parts["half"]:
                hour = hour % 12 + 12 * (half.lower() == "pm")
            try:
                return datetime(
                    int(parts["year"]),
                    int(month),
                    int(parts["day"]),
                    hour,
                    int(parts["minute"] or 0),
                    int(parts["second"] or 0),
                    tzinfo=_zone(parts["zone"]),
                ).astimezone(UTC)
            except (ValueError, OverflowError):
                return None
    return None


def _zone(text: str | None) -> timezone:
    if text is None or text in ("Z", "UTC"):
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def date_orders(texts: Iterable[str]) -> tuple[DateOrder, ...]:
    """The orders by which all texts are dates; several if days and months cannot be told apart."""
    orders: list[DateOrder] = list(_PATTERNS)
    for text in texts:
        orders = [order for order in orders if parse_date(text, order) is not None]
        if not orders:
            break
    return tuple(orders)


def default_parts(texts: Iterable[str], order: DateOrder) -> tuple[DatePart, ...]:
    """The parts of dates that differ between texts, besides the day of the month."""
    moments = [moment for text in texts if (moment := parse_date(text, order))]
    wanted: tuple[DatePart, ...] = ("year", "month", "weekday", "hour")
    varying = [part for part in wanted if len({PARTS[part](moment) for moment in moments}) > 1]
    return ("elapsed_days", *varying)


def date_numbers(
    texts: Sequence[str], order: DateOrder, parts: Sequence[DatePart]
) -> tuple[Array, list[str]]:
    """Converts dates to numbers.

    Returns:
        The parts of each date, (texts, parts), NaN if a text is not a date; and those texts.
    """
    numbers = np.full((len(texts), len(parts)), np.nan)
    wrong = []
    for i, text in enumerate(texts):
        moment = parse_date(text, order)
        if moment is None:
            wrong.append(text)
        else:
            numbers[i] = [PARTS[part](moment) for part in parts]
    return numbers, wrong
