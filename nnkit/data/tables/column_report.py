"""A report on a table, column by column, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nnkit.data.tables.held_out_columns import HeldOutColumn
from nnkit.data.tables.kinds import ColumnProfile, Kind
from nnkit.data.tables.objections import exceptions, objection
from nnkit.data.tables.parsed_table import ParsedTable

Role = Literal["input", "label", "weights", "ignored"]


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """The contents of a column, and what becomes of it.

    Attributes:
        index: the column's index, from 0.
        role: `input`, `label`, `weights` or `ignored`.
        profile: its contents.
        becomes: what becomes of it, in words.
        remark: what is odd about it, with the line; empty if nothing is.
        held_out: the column in the files of held-out sets, by set.
    """

    index: int
    role: Role
    profile: ColumnProfile
    becomes: str
    remark: str = ""
    held_out: Mapping[str, HeldOutColumn] = field(default_factory=dict)

    @property
    def contents(self) -> str:
        """The range of numbers, or examples of words."""
        profile = self.profile
        if profile.kind in (Kind.NUMBERS, Kind.CONSTANT) and profile.numbers:
            low, high = (f"{value:.6g}" for value in (profile.low, profile.high))
            return low if low == high else f"{low} to {high}"
        return ", ".join(profile.examples)

    def record(self) -> dict[str, Any]:
        """The report, ready for JSON."""
        profile = self.profile
        numeric = profile.numbers > 0 and profile.low == profile.low
        return {
            "name": profile.name,
            "role": self.role,
            "kind": str(profile.kind),
            "distinct": profile.distinct,
            "at_least": profile.more,
            "range": [profile.low, profile.high] if numeric else None,
            "examples": list(profile.examples),
            "missing": profile.missing,
            "becomes": self.becomes,
            "remark": self.remark,
            "held_out": {name: column.record() for name, column in self.held_out.items()},
        }


def report_column(
    table: ParsedTable,
    profile: ColumnProfile,
    *,
    index: int,
    role: Role,
    is_words: bool,
    date_parts: Sequence[str],
    classes: bool,
    held_out: Mapping[str, HeldOutColumn],
) -> ColumnReport:
    """Reports on a column.

    Args:
        table: the table.
        profile: the column's contents.
        index: its index.
        role: its role.
        is_words: whether the config says that it contains words.
        date_parts: the numbers that become of its dates, by the config.
        classes: whether its labels are classes.
        held_out: the column in the files of held-out sets, by set.
    """
    remark = ""
    if role == "input" and not (is_words or date_parts):
        remark = objection(table, profile) or ""
    mixed = profile.kind in (Kind.MIXED, Kind.WORDS) and profile.numbers and profile.odd_cells
    if not remark and mixed and not is_words:
        remark = exceptions(table, profile)
    becomes = _becomes(profile, role, is_words=is_words, date_parts=date_parts, classes=classes)
    if role == "input" and objection(table, profile) and remark:
        becomes = "to be decided"
    return ColumnReport(index, role, profile, becomes, remark, held_out)


def _becomes(
    profile: ColumnProfile,
    role: Role,
    *,
    is_words: bool,
    date_parts: Sequence[str],
    classes: bool,
) -> str:
    if role == "label":
        return f"label, {profile.distinct:,} classes" if classes else "label, a number"
    if role == "weights":
        return "sample weights"
    if role == "ignored":
        return "left out"
    if date_parts:
        return _inputs(len(date_parts))
    wordy = is_words or (profile.present > 0 and profile.numbers < profile.present)
    return _inputs(profile.distinct if wordy else 1)


def _inputs(count: int) -> str:
    return f"{count:,} input{'s' * (count != 1)}"
