"""Tests of the program as a whole: help, exit codes, and output streams."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from nnkit.cli.app import app
from nnkit.native.library import kernels
from nnkit.version import __version__
from tests.cli.program import IRIS, ROOT, SHORT, TABLES, Program, plain_environment, process

XOR = ROOT / "configs" / "xor.yaml"
ONE_STEP = ("--set", "training={steps: 1}", "--set", "expect={}")


def test_without_arguments_it_prints_its_help(tmp_path: Path) -> None:
    answer = process(folder=tmp_path)
    told = answer.out or answer.err  # a usage error in Click 8.2
    names = "train eval predict ladder lr-find gradcheck trace init config data runs show"
    for name in names.split():
        assert f" {name} " in told
    assert "A first run: nnkit init" in told


def test_results_and_remarks_go_to_streams_of_their_own_without_control_codes(
    tmp_path: Path,
) -> None:
    answer = process("train", IRIS, *SHORT, folder=tmp_path)
    assert answer.code == 0
    heading, *rows = answer.out.splitlines()
    assert heading.split()[:2] == ["samples", "loss"]
    assert [row.split()[0] for row in rows] == ["train", "validation", "test"]
    assert "epoch  step  loss" in answer.err
    assert (answer.out + answer.err).replace("\n", "").isprintable()


def test_errors_of_usage_go_to_standard_error_without_control_codes(tmp_path: Path) -> None:
    answer = process("train", "--no-such-option", folder=tmp_path)
    assert (answer.code, answer.out) == (2, "")
    assert "No such option" in answer.err
    assert answer.err.replace("\n", "").isprintable()


def test_a_closed_pipe_is_not_reported(tmp_path: Path) -> None:
    show = [sys.executable, "-m", "nnkit", "config", "schema"]
    with subprocess.Popen(
        show,
        cwd=tmp_path,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yields the words of a command and its subcommands, starting with the program itself."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


COMMANDS = list(commands(typer.main.get_command(app)))


def imported_by(*calls: Sequence[object], folder: Path) -> set[str]:
    """Returns the modules imported by successful calls of the program in one process."""
    code = f"""
import sys
from nnkit.cli.app import main
for arguments in {[[*map(str, call)] for call in calls]!r}:
    sys.argv = ["nnkit", *arguments]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, arguments
print("imported", *sys.modules, file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    marker, *modules = ended.stderr.splitlines()[-1].split()
    assert marker == "imported"
    return set(modules)


# Modules that no command needs at startup, and a small network never.
HEAVY = {
    "PIL",
    "matplotlib",
    "nnkit.reading.segmentation",
    "numpy.polynomial",
    "rich",
    "scipy",
}


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"numpy", "pydantic", "yaml", "nnkit.training"}),
        (["config", "validate", XOR], {*HEAVY, "nnkit.nn.model", "nnkit.training.loop"}),
        (["train", XOR, "--quiet", *ONE_STEP], HEAVY),
        (["ladder", TABLES / "iris.csv"], HEAVY),
        (
            ["predict", TABLES.parent / "pictures" / "7.png"],
            HEAVY - {"PIL", "nnkit.reading.segmentation"},
        ),
    ],
)
def test_a_command_does_not_wait_for_what_it_does_not_need(
    tmp_path: Path, arguments: list[object], unwanted: set[str]
) -> None:
    assert imported_by(arguments, folder=tmp_path) & unwanted == set()


def test_no_help_page_waits_for_a_library(tmp_path: Path) -> None:
    unwanted = {"numpy", "matplotlib", "yaml", "nnkit.training"}
    pages = [[*path, "--help"] for path in COMMANDS]
    assert imported_by(*pages, folder=tmp_path) & unwanted == set()


def test_version(program: Program) -> None:
    assert program("--version").out == f"nnkit {__version__} (kernels: {kernels()})\n"


@pytest.mark.parametrize(
    "arguments",
    [["no-such-command"], ["train"], ["train", "a", "b"], ["eval", "--splt"], ["gradcheck", "x"]],
)
def test_wrong_usage_is_exit_2(program: Program, arguments: list[str]) -> None:
    answer = program(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err


def test_a_system_error_names_the_file_and_another_place(program: Program, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    answer = program("train", IRIS, *SHORT, "--runs", "taken/runs")
    assert answer.code == 2
    (line,) = answer.errors
    assert line.startswith("taken/runs")
    assert line.endswith("Not a directory; choose another folder with --runs")


@pytest.mark.slow
def test_insufficient_memory_is_reported_without_traceback(program: Program) -> None:
    # Two thousand layers of 2.1 billion weights need 17 TB, more than any machine provides.
    layers = ", ".join(["dense: 46000"] * 2000)
    answer = program("train", IRIS, "--set", f"architecture.layers=[{layers}, dense: 3]")
    assert answer.code == 1
    (line,) = answer.errors
    assert line.startswith("out of memory: Unable to allocate")


def test_a_layer_of_absurd_size_is_refused_where_it_is_written(program: Program) -> None:
    layers = "architecture.layers=[dense: 6000000, dense: 6000000, dense: 3]"
    answer = program("train", IRIS, "--set", layers)
    assert answer.code == 2
    (line,) = answer.errors
    assert "architecture.layers.1: 36,000,006,000,000 parameters do not fit" in line


def test_control_characters_do_not_reach_the_terminal(program: Program, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text('"a\\e[31m": 1\n')
    answer = program("config", "validate", "c.yaml")
    assert answer.code == 2
    assert r"a\x1b[31m: unknown key" in answer.errors[-1]


def broken_early(lines: list[str], width: int) -> list[str]:
    """Returns lines that were broken although the next word would have fitted."""
    found, section = [], ""
    for line, following in pairwise(lines):
        if line and not line.startswith(" "):
            section = line
        indent = len(following) - len(following.lstrip())
        entries = section in {"Options:", "Commands:"}  # where a continuation is indented deeper
        continued = line.startswith("  ") and following and (indent > 2 or not entries)
        if continued and len(line) + 1 + len(following.split()[0]) <= width:
            found.append(line)
    return found


def test_commands_are_found() -> None:
    assert {(), ("train",), ("runs", "list"), ("show", "activation")} <= set(COMMANDS)


def test_a_line_broken_early_is_found() -> None:
    early, late = "  Some words,", "  Some words that go on to the edge"
    assert broken_early([early, "  and more"], 38) == [early]
    assert broken_early([late, "  and more"], 38) == []
    entries = ["Options:", "  --one  A thing,", "         or two", "  --two  Another."]
    assert broken_early(entries, 38) == [entries[1]]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", [80, 120])
def test_every_help_page_is_clean(
    program: Program, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    answer = program(*path, "--help")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.rstrip().splitlines()
    assert lines[0].startswith("Usage: ")
    assert f" {' '.join(path)} ".replace("  ", " ") in lines[0]
    assert max(map(len, lines)) < 80
    assert broken_early(lines, 78) == []
    assert not [line for line in lines[1:] if line.endswith("...")]
    types_or_escapes = re.search(r"<[a-z]|BOOLEAN|INTEGER|FLOAT|TEXT|list\[|\\", answer.out)
    assert types_or_escapes is None


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("nnkit tra", "train trace"),
        ("nnkit train --re", "--resume --restart"),
        ("nnkit eval ", "digits digits-1a2b3c4d iris-mlp iris-mlp-1a2b3c4d"),
        ("nnkit predict -c iris", "iris-mlp iris-mlp-1a2b3c4d"),
        ("nnkit runs compare d", "digits digits-1a2b3c4d"),
        ("nnkit eval ./", ""),  # the shell completes files
    ],
)
def test_completion_in_bash(
    typed: str, completed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("iris-mlp-1a2b3c4d", "digits-1a2b3c4d"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.yaml").touch()
    (tmp_path / "runs" / "tune").mkdir()
    monkeypatch.chdir(tmp_path)
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    env = words | {"_NNKIT_COMPLETE": "complete_bash"}
    found = CliRunner().invoke(app, env=env, prog_name="nnkit")
    assert found.output.split() == completed.split()
