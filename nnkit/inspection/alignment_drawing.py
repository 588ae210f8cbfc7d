"""Drawings of the attention of a written text to its source: as a picture, and as lines of text."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from nnkit.charts import picture_format
from nnkit.files import WriteFile, write_atomic
from nnkit.inference.text_alignment import TextAlignment

LEAST_SHOWN = 0.05  # weight of a source symbol in a line of text
CELL = 0.32  # inches of a symbol in the picture
UPRIGHT = 2  # characters that fit above a column without being turned
LARGEST = 30.0  # inches of a side of the picture


def as_lines(alignment: TextAlignment) -> list[str]:
    """For each symbol of the text a line with the symbols of the source that it attends to.

    Weights below 5 % are left out; those of symbols that occur several times stay apart, with the
    position of each, from 1.
    """
    names = _labels(alignment.source)
    targets = _labels(alignment.target, numbered=False)
    width = max(map(len, targets))
    lines = []
    for target, weights in zip(targets, alignment.weights, strict=True):
        order = sorted(range(len(names)), key=lambda i: -weights[i])
        shown = [f"{names[i]} {100 * weights[i]:.0f} %" for i in order if weights[i] >= LEAST_SHOWN]
        lines.append(f"{target:{width}}  {', '.join(shown)}".rstrip())
    return lines


def draw_alignment(alignment: TextAlignment, path: Path, write: WriteFile = write_atomic) -> None:
    """Draws the weights as a matrix of grey cells: the source in columns, the text in rows.

    Symbols of the source are upright if they all are short, else turned by 90°.

    Args:
        alignment: the weights.
        path: the .png or .svg file.
        write: writes a file.

    Raises:
        UsageError: the suffix is another one, or matplotlib is not installed.
        OSError: the file cannot be written.
    """
    kind = picture_format(path)
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows, columns = alignment.weights.shape
    size = (min(LARGEST, 2.5 + CELL * columns), min(LARGEST, 1.5 + CELL * rows))
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine())
    axes = figure.add_subplot()
    cells = axes.imshow(alignment.weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    source = _labels(alignment.source, numbered=False)
    turned = 90 if max(map(len, source)) > UPRIGHT else 0
    axes.set_xticks(range(columns), source, rotation=turned)
    axes.set_yticks(range(rows), _labels(alignment.target, numbered=False))
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("source")
    axes.set_ylabel("written text")
    figure.colorbar(cells, ax=axes, label="attention", ticks=[0, 0.5, 1])
    content = BytesIO()
    # Without date, version and random ids, equal drawings give equal bytes.
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
    # A `$` in a text is not the beginning of a formula.
    with mpl.rc_context({"svg.hashsalt": "nnkit", "text.parse_math": False}):
        figure.savefig(content, format=kind, dpi=120, metadata=metadata)
    write(path, content.getvalue())


def _labels(symbols: tuple[str, ...], *, numbered: bool = True) -> list[str]:
    """Symbols as they are shown: spaces visible, those that occur several times with positions."""
    shown = ["".join(_visible(c) for c in symbol.strip(" ") or "␣") for symbol in symbols]
    if not numbered:
        return shown
    return [
        f"{name} ({place})" if shown.count(name) > 1 else name
        for place, name in enumerate(shown, 1)
    ]


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
