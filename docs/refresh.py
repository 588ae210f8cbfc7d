"""Runs the commands that a page shows and puts their real output back: `python docs/refresh.py`.

A comment above a fenced block says what the block is:

- `<!-- run: COMMAND -->`: what these commands print; several are parted by ` ;; `;
- `<!-- file: NAME -->`: a file that the commands find;
- `<!-- apply: NAME -->`: a change to a file of the repository, as a diff without line numbers.

All happens in a copy of the repository, so nothing of the reader's is touched. Pages are named as
arguments; by default they are README.md and all of docs/ that has such blocks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(
    r"<!-- (?P<role>run|file|apply): (?P<argument>.*?) -->\n"
    r"```(?P<language>\w+)\n(?P<content>.*?)```\n",
    re.DOTALL,
)
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist")


def main() -> None:
    """Refreshes the pages, block by block; later ones see what earlier ones made."""
    for page in map(Path, sys.argv[1:] or pages()):
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            copy = copy_of_repository(Path(folder))
            prepare(text, copy)
            page.write_text(refreshed(text, copy), encoding="utf-8")


def pages() -> Iterator[Path]:
    """README.md and the pages of docs/ that show what commands print."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        if any(block["role"] == "run" for block in BLOCK.finditer(page.read_text("utf-8"))):
            yield page


def copy_of_repository(folder: Path) -> Path:
    """A copy in which commands may do as they like."""

    def left_out(place: str, names: list[str]) -> set[str]:
        own_runs = {"runs"} if Path(place) == ROOT else set()  # not the package of that name
        return LEFT_OUT(place, names) | own_runs

    return Path(shutil.copytree(ROOT, folder / "nnkit", ignore=left_out))


def prepare(text: str, folder: Path) -> None:
    """Writes the files that a page shows, and makes its changes."""
    for block in BLOCK.finditer(text):
        path = folder / block["argument"]
        if block["role"] == "file":
            path.write_text(block["content"], encoding="utf-8")
        elif block["role"] == "apply":
            path.write_text(patched(path.read_text("utf-8"), block["content"]), encoding="utf-8")


def patched(text: str, diff: str) -> str:
    """The text with a change made; what stands around it must occur exactly once."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] or line for line in lines if line[0] in " -\n")
    after = "".join(line[1:] or line for line in lines if line[0] in " +\n")
    if text.count(before) != 1:
        raise ValueError(f"the change does not fit the file; looked once for:\n{before}")
    return text.replace(before, after)


def refreshed(text: str, folder: Path) -> str:
    """The text with each output as it is now."""

    def fresh(block: re.Match[str]) -> str:
        if block["role"] != "run":
            return block[0]
        shown = "\n\n".join(output_of(c, folder) for c in block["argument"].split(" ;; "))
        return f"<!-- run: {block['argument']} -->\n```{block['language']}\n{shown}\n```\n"

    return BLOCK.sub(fresh, text)


def output_of(command: str, folder: Path) -> str:
    """The command behind a prompt, and all that it printed."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": tools, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [f"$ {command}", *ran.stdout.rstrip().splitlines()]
    return "\n".join(line.rstrip() for line in lines).replace(str(folder) + "/", "")


if __name__ == "__main__":
    main()
