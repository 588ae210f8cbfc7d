"""Where the commands of a page run, and how: without copies and processes that they do not need."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from docs import refresh
from nnkit.cli.app import main
from tests.cli.program import UNSET

Output = subprocess.CompletedProcess[str]


def workplace(page: str, folder: Path) -> Path:
    """A folder with the files that a page shows, and what its commands read and overwrite."""
    if changes_code(page):
        place = refresh.copy_of_repository(folder)
    else:
        place = folder / "nnkit"
        shutil.copytree(refresh.ROOT / "docs", place / "docs")
        for name in ("configs", "data"):
            (place / name).symlink_to(refresh.ROOT / name)
    refresh.prepare(page, place)
    return place


def changes_code(page: str) -> bool:
    """Whether a page's commands need a changed copy of nnkit, and so processes of their own."""
    return any(block["role"] == "apply" for block in refresh.BLOCK.finditer(page))


def without_processes(patch: pytest.MonkeyPatch) -> None:
    """Lets pages call nnkit instead of starting it: most of a short command is its start.

    What a shell does (`;`, `|`, `>`), and other programs, are processes as ever.
    """
    by_shell = refresh.output_of

    def output_of(command: str, folder: Path) -> Output:
        words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
        if words[0] != "nnkit" or {";", "|", ">", "&&"} & set(words):
            return by_shell(command, folder)
        return called(shlex.split(command), folder)

    for name in {*UNSET, *refresh.OF_A_TERMINAL}:
        patch.delenv(name, raising=False)
    patch.setattr(refresh, "output_of", output_of)


def called(words: list[str], folder: Path) -> Output:
    """What `main` prints in a folder, standard output and standard error in one."""
    printed = TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True)
    with (
        chdir(folder),
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(printed),
        redirect_stderr(printed),
    ):
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
    printed.seek(0)
    return Output(words, int(ended.value.code or 0), printed.read())
