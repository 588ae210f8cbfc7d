"""Dates in tables, and the numbers they become, in the proleptic Gregorian calendar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nnkit.config.spec import Listed, Spec

Array = NDArray[Any]
DateOrder = Literal["year_first", "day_first", "month_first", "month_year", "time_of_day"]
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
        "year_first",
        description="Of day, month and year: 2024-03-01, 1.3.2024 or 3/1/2024; `month_year` for a "
        "month without a day, 3/2024 or Mar 2024; `time_of_day` for a time without a date, 14:05.",
    )


# What moments (n,), datetime64[s] in UTC, become. The weekday is that of ISO 8601, 1 for Monday.
PARTS: dict[DatePart, Callable[[Array], Array]] = {
    "elapsed_days": lambda moments: _since_1970(moments, "s") / 86_400,
    "year": lambda moments: 1970 + _since_1970(moments, "Y"),
    "month": lambda moments: 1 + _since_1970(moments, "M") % 12,
    "day": lambda moments: 1 + _within(moments, "D", "M"),
    "weekday": lambda moments: 1 + (_since_1970(moments, "D") + 3) % 7,  # 1970 began on a Thursday
    "hour": lambda moments: (
        _within(moments, "h", "D")
        + _within(moments, "m", "h") / 60
        + _within(moments, "s", "m") / 3600
    ),
}


def _since_1970(moments: Array, unit: str) -> Array:
    """The whole units from the beginning of 1970 to each moment, as integers (n,)."""
    return moments.astype(f"datetime64[{unit}]").astype(np.int64)


def _within(moments: Array, unit: str, larger: str) -> Array:
    """The whole units from the beginning of a larger unit to each moment, as integers (n,)."""
    begin = moments.astype(f"datetime64[{larger}]")
    return (moments.astype(f"datetime64[{unit}]") - begin).astype(np.int64)


def part_of(name: str, dates: Mapping[str, DateColumn]) -> tuple[str, DatePart | None]:
    """The column from which an input comes, and the part of its dates; None for other columns.

    Args:
        name: the name of the input, such as `sold_on.month`.
        dates: the columns of dates.
    """
    for column, own in dates.items():
        for part in own.parts:
            if name == f"{column}.{part}":
                return column, part
    return name, None


_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?"
    r"(?: ?(?P<half>[AaPp][Mm]))?"
)
_TIME = rf"(?:(?:[ T]|, ?){_CLOCK}(?: ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d))?)?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = rf"(?P<name>(?:{'|'.join(_MONTHS)})[a-z]*)\.?"
# The parts of a date that a pattern may lack.
_LEFT_OUT: dict[str, Any] = {"year": 1970, "month": 1, "day": 1} | dict.fromkeys(
    ("hour", "minute", "second", "half", "zone")
)
PROBED = 20  # texts at the beginning of a column that show whether it may be one of dates
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
    "month_year": (
        re.compile(r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})"),
        re.compile(rf"{_NAMED}[-/ ](?P<year>\d{{4}})", re.I),
    ),
    "time_of_day": (re.compile(_CLOCK),),
}


def parse_date(text: str, order: DateOrder) -> datetime | None:
    """Parses a date, with or without a time; None for anything else.

    A time without a zone counts as UTC, so that differences of local times are kept; one without a
    date is on 1970-01-01. A month without a day is its first day.

    Args:
        text: such as 2024-03-01, 1/3/2024 14:05, 1.3.2024, 1 March 2024, 3/2024 or 14:05.
        order: the order of day, month and year.
    """
    for pattern in _PATTERNS[order]:
        if found := pattern.fullmatch(text):
            parts = {**_LEFT_OUT, **found.groupdict()}
            month = parts["month"]
            if "name" in parts:
                month = _MONTHS.index(parts["name"][:3].lower()) + 1
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


def no_dates(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts that are no dates, if at least one of the first ones is a date.

    Of the possible orders of day, month and year, it is the one with the fewest.
    """
    some = texts[:PROBED]
    orders = [o for o in _PATTERNS if any(parse_date(text, o) is not None for text in some)]
    found = (tuple(text for text in texts if parse_date(text, o) is None) for o in orders)
    return min(found, key=len, default=())


def default_parts(texts: Iterable[str], order: DateOrder) -> tuple[DatePart, ...]:
    """The parts of dates that differ between texts, besides the day of the month.

    Of times without a date, it is the hour; months without a day have no weekday.
    """
    if order == "time_of_day":
        return ("hour",)
    moments = _as_array([moment for text in texts if (moment := parse_date(text, order))])
    wanted: tuple[DatePart, ...] = ("year", "month", "weekday", "hour")
    if order == "month_year":
        wanted = ("year", "month")
    varying = [part for part in wanted if len(np.unique(PARTS[part](moments))) > 1]
    return ("elapsed_days", *varying)


def date_numbers(
    cells: Array | Sequence[Any], order: DateOrder, parts: Sequence[DatePart]
) -> tuple[Array, list[int]]:
    """Converts dates to numbers.

    Args:
        cells: the dates, (n,), as text in that order, as `datetime` and `date` (those of pandas
            included), or as datetime64; a time without a zone counts as UTC.
        order: the order of day, month and year in texts.
        parts: the numbers.

    Returns:
        The parts of each date, (n, parts), NaN for a missing date and for what is not a date; and
        the indices of the latter.
    """
    wrong: list[int] = []
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "M":
        moments = cells.astype("datetime64[s]")
    else:
        found = [None if cell is None else _moment(cell, order) for cell in cells]
        wrong = [i for i, moment in enumerate(found) if moment is None and cells[i] is not None]
        moments = _as_array(found)
    numbers = np.column_stack([PARTS[part](moments).astype(np.float64) for part in parts])
    numbers[np.isnat(moments)] = np.nan
    return numbers, wrong


def _moment(cell: Any, order: DateOrder) -> datetime | None:
    """The date in a cell of a table in memory, in UTC; None for anything else."""
    if isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[s]").item()
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell.astimezone(UTC)
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
    return parse_date(cell, order) if isinstance(cell, str) else None


def _as_array(moments: Sequence[datetime | None]) -> Array:
    """Moments in UTC as datetime64[s], (n,); NaT for None."""
    naive = [None if moment is None else moment.replace(tzinfo=None) for moment in moments]
    return np.array(naive, dtype="datetime64[s]")
