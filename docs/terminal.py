"""Draws docs/terminal.svg: the screen of a real run on a pseudo-terminal.

Run it with `python -m docs.terminal`; it needs pyte, a terminal emulator from the extra `dev`.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from io import StringIO
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).parent.parent
COLUMNS, LINES = 80, 18
COMMAND = ("train", "configs/mnist-mlp.yaml")
CAUGHT_AT = "epoch 11"  # the picture is taken when the progress bar shows this


def main() -> None:
    """Runs the program, captures its screen, and writes the picture."""
    screen = pyte.Screen(COLUMNS, LINES)
    with tempfile.TemporaryDirectory() as folder:
        for needed in ("configs", "data"):
            (Path(folder) / needed).symlink_to(ROOT / needed)
        watch(screen, folder)
        console = Console(record=True, width=COLUMNS, file=StringIO())
        console.print(f"[bold]$ nnkit {' '.join(COMMAND)}[/bold]")
        for row in range(LINES):
            console.print(line_of(screen, row))
    # Rich refers to a web font; the picture must not load anything from the network.
    svg = re.sub(r"@font-face\s*{[^}]*}", "", console.export_svg(title="nnkit"))
    (ROOT / "docs" / "terminal.svg").write_text(svg, encoding="utf-8")


def watch(screen: pyte.Screen, folder: str) -> None:
    """Feeds the program's output to the screen until it shows `CAUGHT_AT`."""
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "COLUMNS": str(COLUMNS),
        "LINES": str(LINES),
        "TERM": "xterm-256color",
    }
    program = [sys.executable, "-m", "nnkit", *COMMAND]
    process = subprocess.Popen(program, cwd=folder, env=environment, stdout=theirs, stderr=theirs)
    stream = pyte.ByteStream(screen)
    try:
        while not any(line.startswith(CAUGHT_AT) for line in screen.display):
            stream.feed(os.read(ours, 4096))
    finally:
        process.terminate()
        process.wait()


def line_of(screen: pyte.Screen, row: int) -> Text:
    """Returns a row of the emulated screen with its colours."""
    line = Text()
    cells = (screen.buffer[row][column] for column in range(screen.columns))
    for (colour, bold), run in groupby(cells, key=lambda cell: (cell.fg, cell.bold)):
        named = {"default": None, "brown": "yellow"}.get(colour, colour)
        if re.fullmatch("[0-9a-f]{6}", colour):
            named = f"#{colour}"
        line.append("".join(cell.data for cell in run), Style(color=named, bold=bold))
    line.rstrip()
    return line


if __name__ == "__main__":
    main()
