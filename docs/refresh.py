"""Brings the documentation up to date: `python docs/refresh.py`, or `make docs`.

The catalogue is written from the code. In README.md and the pages of docs/, every command that a
page shows is run, and what it prints is put back. A comment says what follows it:

- `<!-- run: COMMAND -->`: a fenced block with what these commands print, separated by ` ;; `;
- `<!-- table: COMMAND -->` … `<!-- end -->`: Markdown that the command prints;
- `<!-- picture: COMMAND -->`: pictures that the command draws; those that a `run` command draws
  need no comment;
- `<!-- file: NAME -->`: a fenced block, written to a file that the commands find;
- `<!-- apply: NAME -->`: a change to a file of the repository, as a diff without line numbers.

Commands run in a copy of the repository, one copy for each page, and see what earlier ones made
there; only pages and the pictures that they show are brought back. Pages may be named as
arguments, in which case no other is touched. Figures that take hours to measure (benchmarks and
long trainings) are not refreshed; the pages name the commands that measure them.
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
from time import perf_counter

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(
    r"<!-- (?P<role>run|file|apply): (?P<argument>.*?) -->\n"
    r"```(?P<language>\w+)\n(?P<content>.*?)```\n",
    re.DOTALL,
)
TABLE = re.compile(r"(<!-- table: (?P<command>.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
PICTURE = re.compile(r"<!-- picture: (?P<command>.*?) -->")
SHOWN = re.compile(r"!\[[^\]]*\]\((?P<path>[^)]+)\)")
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist")
OF_A_TERMINAL = {"COLUMNS", "LINES", "FORCE_COLOR"}  # variables that would change what is printed


def main() -> None:
    """Refreshes the pages that are named, or the catalogue and all pages."""
    named = [Path(name).resolve() for name in sys.argv[1:]]
    if not named:
        subprocess.run([sys.executable, ROOT / "docs" / "catalogue.py"], check=True)
    for page in named or list(pages()):
        began = perf_counter()
        refresh(page)
        print(f"{page.relative_to(ROOT)}: {perf_counter() - began:.0f} s", flush=True)


def pages() -> Iterator[Path]:
    """README.md and the pages of docs/ that show what commands print or draw."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8")
        if "<!-- run: " in text or TABLE.search(text) or PICTURE.search(text):
            yield page


def refresh(page: Path) -> None:
    """Runs a page's commands, and brings back what they print and draw."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_repository(Path(folder))
        prepare(text, copy)
        now = refreshed(text, copy)
        for command in PICTURE.findall(text):
            checked_output(command, copy)
        for picture in pictures(page):
            shutil.copyfile(copy / picture.relative_to(ROOT), picture)
    page.write_text(now, encoding="utf-8")


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
    """The text with everything that its commands print as they print it now."""

    def block(found: re.Match[str]) -> str:
        if found["role"] != "run":
            return found[0]
        shown = "\n\n".join(session(c, folder) for c in found["argument"].split(" ;; "))
        return f"<!-- run: {found['argument']} -->\n```{found['language']}\n{shown}\n```\n"

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}{checked_output(found['command'], folder)}{found[3]}"

    return TABLE.sub(table, BLOCK.sub(block, text))


def session(command: str, folder: Path) -> str:
    """The command behind a prompt, and all that it printed."""
    lines = [f"$ {command}", *output_of(command, folder).stdout.rstrip().splitlines()]
    return "\n".join(line.rstrip() for line in lines).replace(f"{folder}/", "")


def checked_output(command: str, folder: Path) -> str:
    """What a command printed.

    Raises:
        RuntimeError: it failed.
    """
    ran = output_of(command, folder)
    if ran.returncode:
        raise RuntimeError(f"`{command}` failed:\n{ran.stdout}")
    return ran.stdout


def output_of(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in the copy, standard output and standard error in one."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    inherited = {name: os.environ[name] for name in os.environ.keys() - OF_A_TERMINAL}
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**inherited, "PATH": tools, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def pictures(page: Path) -> list[Path]:
    """The pictures that a page shows."""
    return [page.parent / found["path"] for found in SHOWN.finditer(page.read_text("utf-8"))]


if __name__ == "__main__":
    main()
