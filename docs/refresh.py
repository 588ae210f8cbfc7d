"""Updates the documentation: `python docs/refresh.py`, or `make docs`.

The catalogue is generated from the code. In README.md and the pages of docs/, every command shown
is run, and its output is inserted into the page. A comment marks what follows it:

- `<!-- run: COMMAND -->`: a fenced block with the output of commands, separated by ` ;; `;
- `<!-- table: COMMAND -->` … `<!-- end -->`: Markdown that the command prints;
- `<!-- picture: COMMAND -->`: pictures that the command draws; pictures drawn by a `run` command
  need no comment;
- `<!-- file: NAME -->`: a fenced block, written to a file for the commands;
- `<!-- apply: NAME -->`: a change to a file of the repository, as a diff without line numbers.

Commands run in a copy of the repository, one copy per page, in which files from earlier commands
are kept; only pages and the pictures they show are copied back. With pages as arguments, only
these are updated. Measurements that take hours (benchmarks and long runs) are not refreshed; the
pages name the commands for them.
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
OUTPUT = re.compile(r"nnkit .* -o (\S+)")
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist")
OF_A_TERMINAL = {"COLUMNS", "LINES", "FORCE_COLOR"}  # variables that would change the output


def main() -> None:
    """Refreshes the named pages, or the catalogue and all pages."""
    named = [Path(name).resolve() for name in sys.argv[1:]]
    if not named:
        subprocess.run([sys.executable, ROOT / "docs" / "catalogue.py"], check=True)
    for page in named or list(pages()):
        began = perf_counter()
        refresh(page)
        print(f"{page.relative_to(ROOT)}: {perf_counter() - began:.0f} s", flush=True)


def pages() -> Iterator[Path]:
    """Yields README.md and the pages of docs/ with the output of commands."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8")
        if "<!-- run: " in text or TABLE.search(text) or PICTURE.search(text):
            yield page


def refresh(page: Path) -> None:
    """Runs a page's commands and inserts their output and pictures."""
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
    """Copies the repository, so that commands can change files."""

    def left_out(place: str, names: list[str]) -> set[str]:
        own_runs = {"runs"} if Path(place) == ROOT else set()  # but not nnkit/runs
        return LEFT_OUT(place, names) | own_runs

    return Path(shutil.copytree(ROOT, folder / "nnkit", ignore=left_out))


def prepare(text: str, folder: Path) -> None:
    """Writes the files shown in a page and applies its changes."""
    for block in BLOCK.finditer(text):
        path = folder / block["argument"]
        if block["role"] == "file":
            path.write_text(block["content"], encoding="utf-8")
        elif block["role"] == "apply":
            path.write_text(patched(path.read_text("utf-8"), block["content"]), encoding="utf-8")


def patched(text: str, diff: str) -> str:
    """Applies a change to a text; the lines to be replaced must occur exactly once."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] or line for line in lines if line[0] in " -\n")
    after = "".join(line[1:] or line for line in lines if line[0] in " +\n")
    if text.count(before) != 1:
        raise ValueError(f"the change does not apply; these lines must occur once:\n{before}")
    return text.replace(before, after)


def refreshed(text: str, folder: Path) -> str:
    """Returns the text with the current output of its commands."""

    def block(found: re.Match[str]) -> str:
        if found["role"] != "run":
            return found[0]
        shown = "\n\n".join(session(c, folder) for c in found["argument"].split(" ;; "))
        return f"<!-- run: {found['argument']} -->\n```{found['language']}\n{shown}\n```\n"

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}{checked_output(found['command'], folder)}{found[3]}"

    return TABLE.sub(table, BLOCK.sub(block, text))


def session(command: str, folder: Path) -> str:
    """Formats a command with a prompt, followed by its output."""
    remove_outputs(command, folder)
    lines = [f"$ {command}", *output_of(command, folder).stdout.rstrip().splitlines()]
    return "\n".join(line.rstrip() for line in lines).replace(f"{folder}/", "")


def checked_output(command: str, folder: Path) -> str:
    """Returns the output of a command.

    Raises:
        RuntimeError: the command failed.
    """
    remove_outputs(command, folder)
    ran = output_of(command, folder)
    if ran.returncode:
        raise RuntimeError(f"`{command}` failed:\n{ran.stdout}")
    return ran.stdout


def remove_outputs(command: str, folder: Path) -> None:
    """Removes the files that a command writes, because nnkit replaces only files that it wrote."""
    for output in OUTPUT.findall(command):
        (folder / output).unlink(missing_ok=True)


def output_of(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in the copy, with standard error merged into standard output."""
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
    """Returns the pictures shown in a page."""
    return [page.parent / found["path"] for found in SHOWN.finditer(page.read_text("utf-8"))]


if __name__ == "__main__":
    main()
