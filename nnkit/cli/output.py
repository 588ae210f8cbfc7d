"""Printing: messages to standard error, results to standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from nnkit.text import as_json, legible

if TYPE_CHECKING:
    from rich.console import Console

    from nnkit.charts import Chart

PLAIN_WIDTH = 80  # columns if the output is not a terminal
COMMAND = "nnkit "  # the beginning of a line that is a command, to be copied as a whole


def say(text: str) -> None:
    """Prints a message to standard error."""
    print(text, file=sys.stderr, flush=True)


def say_wrapped(*notices: str) -> None:
    """Prints messages to standard error, wrapped to 80 characters but for lines of commands."""
    for line in chain.from_iterable(map(str.splitlines, notices)):
        say(line if line.startswith(COMMAND) else "\n".join(wrapped(line, PLAIN_WIDTH)))


def say_error(message: str) -> None:
    """Prints an error to standard error, each line with the prefix `error:`."""
    for line in legible(message).splitlines():
        # Control characters from a config or a file name could disturb the terminal.
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        print(f"error: {shown}", file=sys.stderr, flush=True)


def console() -> Console:
    """A rich console on standard error; if not a terminal, plain and 200 characters wide."""
    from rich.console import Console

    width = None if sys.stderr.isatty() else 200
    return Console(stderr=True, width=width, highlight=False)


def results() -> Console:
    """A rich console on standard output; if not a terminal, plain and 80 characters wide."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 80
    return Console(file=sys.stdout, width=width, highlight=False, emoji=False, markup=False)


def show_chart(chart: Chart) -> None:
    """Prints a chart as wide as the terminal, at most 100 characters wide and 22 lines high."""
    from nnkit.charts import in_terminal

    screen = results()
    height = min(22, max(screen.height - 2, 12)) if screen.is_terminal else 22
    screen.print(in_terminal(chart, min(screen.width, 100), height), soft_wrap=True)


def check_output(path: Path | None) -> Path | None:
    """Returns the path unchanged, after checking that a file can be written there.

    Raises:
        UsageError: the path is a folder, or its folder does not exist.
    """
    from nnkit.errors import UsageError

    if path is not None and path.is_dir():
        raise UsageError(f"{path} is a folder; give a file in it")
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"{path}: no such folder: {path.parent}")
    return path


def print_json(result: Mapping[str, Any]) -> None:
    """Prints one JSON object to standard output."""
    print(as_json(result))


def wrapped(text: str, width: int, indent: int = 0, hang: int = 2) -> list[str]:
    """Wraps a text between words; lines after the first are indented by `hang` more."""
    return wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )


def result_width() -> int:
    """The width of results on standard output: that of the terminal, or 80."""
    return get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Formats a plain table: text left-aligned, numbers right-aligned, two spaces between."""
    cells = [list(headings), *([show(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    right = [bool(rows) and isinstance(rows[0][i], int | float) for i in range(len(headings))]
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def show(value: object) -> str:
    """Formats a value for display: thousands separators, four significant digits."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return " × ".join(map(str, value))
    return str(value)


def show_figure(name: str, value: float) -> str:
    """Formats a metric: accuracies in percent, others with four significant digits."""
    if name.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    return f"{value:#.4g}".removesuffix(".") if value else "0"


def show_count(count: float) -> str:
    """Formats a number of epochs, such as 20,000 or 2.5."""
    whole, _, decimals = f"{count:,.2f}".partition(".")
    return f"{whole}.{decimals}".rstrip("0").removesuffix(".")


def show_bytes(count: float) -> str:
    """Formats a number of bytes, such as 1.6 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} TB"


def show_seconds(seconds: float) -> str:
    """Formats a duration, such as 38 ms, 12.3 s, 4 min 5 s or 2 h 10 min."""
    if seconds < 0.0995:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"
