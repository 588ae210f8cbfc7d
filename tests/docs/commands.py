"""Runs the commands of a page, avoiding unnecessary copies and processes."""

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
    """Creates a folder with the files shown in a page, and those its commands read or overwrite."""
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
    """Whether a page's commands need a modified copy of nnkit, and therefore processes."""
    return any(block["role"] == "apply" for block in refresh.BLOCK.finditer(page))


def without_processes(patch: pytest.MonkeyPatch) -> None:
    """Replaces processes of nnkit by calls, because startup dominates short commands.

    Shell commands (`;`, `|`, `>`) and other programs still run as processes.
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
    """Calls `main` in a folder; returns standard output and standard error merged."""
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
