"""Settings of a table's source with the reasons for them, as they are found out step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nnkit.data.sources.csv import Csv
from nnkit.task.starters.rendering import flow_style
from nnkit.text import some_names

MOST_SHOWN = 20  # items of a list in a message


@dataclass(slots=True)
class TableSettings:
    """The settings of a source, with the reasons for those that are not obvious.

    Attributes:
        settings: the settings, as in a config.
        reasons: a reason for a setting or, by its name and an item, for an item of a list.
        texts: the column of texts, if it is the only input; it is ignored by the source.
        unused_texts: the column of texts that is left out, beside other inputs.
        remark_lines: lines to leave out that hold a remark in the first cell and nothing else.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    reasons: dict[tuple[str, ...], str] = field(default_factory=dict)
    texts: str | None = None
    unused_texts: str | None = None
    remark_lines: set[int] = field(default_factory=set)

    def add(self, setting: str, item: Any, reason: str) -> None:
        """Adds an item to a list."""
        items = self.settings.setdefault(setting, [])
        if item not in items:
            items.append(item)
            self.reasons[setting, str(item)] = reason

    def add_missing_in(self, column: str, codes: Sequence[str], reason: str) -> None:
        """Adds codes for missing values of a single column."""
        self.settings.setdefault("missing_in", {}).setdefault(column, []).extend(codes)
        known = self.reasons.get(("missing_in", column))
        self.reasons["missing_in", column] = f"{known}; {reason}" if known else reason

    def source(self) -> Csv:
        """The source with these settings."""
        return Csv.model_validate(self.settings)

    def remarks(self) -> Iterator[str]:
        """Yields the reasons as messages, each with its setting.

        Rows that are left out are not among them: the loaded data set counts them.
        """
        items: dict[tuple[str, str], list[str]] = {}  # of lists, by setting and reason
        for (setting, *item), reason in self.reasons.items():
            items.setdefault((setting, reason), []).extend(item)
        for (setting, reason), named in items.items():
            if setting == "missing_target":
                continue
            value = self.settings[setting]
            if named:
                value = [item for item in value if str(item) in named]
            if setting == "missing_in":
                value = {item: self.settings[setting][item] for item in value}
            yield f"{reason}: {setting}: {_shown(value)}"


def _shown(value: Any) -> str:
    """A value as in a config; of a long list, the first items."""
    if isinstance(value, list):
        return f"[{some_names([*map(flow_style, value)], MOST_SHOWN)}]"
    return flow_style(value)
