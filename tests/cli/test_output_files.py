"""Tests that no command overwrites an input, or a file that nnkit did not write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import typer

from nnkit.cli.app import app
from nnkit.cli.output_files import check_output_file, write_output
from nnkit.errors import UsageError
from tests.cli.program import TABLES, Program
from tests.cli.test_streams import CALLS, PICTURE, XOR

# Options that name a file to read; every other option with a file is an output.
READ = {("eval", "--data")}


def outputs(group: Any, *path: str) -> Iterator[tuple[str, str]]:
    """Yields each command with each of its options for an output file."""
    for name, member in group.commands.items():
        if hasattr(member, "commands"):
            yield from outputs(member, *path, name)
            continue
        command = " ".join((*path, name))
        for param in member.params:
            flag = param.opts[-1]
            is_file = param.metavar in {"FILE", "OUT"} and flag.startswith("--")
            if is_file and not param.hidden and (command, flag) not in READ:
                yield command, flag


OUTPUTS = list(outputs(typer.main.get_command(app)))


def test_outputs_are_found() -> None:
    assert {("predict", "--output"), ("batch", "--junit"), ("eval", "--predictions")} <= {*OUTPUTS}
    assert {("predict", "--annotate"), ("init", "--output")} <= {*OUTPUTS}


@pytest.mark.parametrize(("command", "flag"), OUTPUTS)
def test_a_file_of_the_user_is_refused_before_any_work(
    program: Program, trained: Path, command: str, flag: str
) -> None:
    Path("mine.png").write_text("mine")
    places = {"RUN": trained, "OTHER": trained}
    arguments = [places.get(str(part), part) for part in CALLS[command]]
    if "-o" in arguments:
        arguments = arguments[: arguments.index("-o")]
    if flag == "--annotate":
        arguments = [PICTURE]
    answer = program(*command.split(), *arguments, flag, "mine.png")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors[0].startswith("mine.png already exists; choose another name")
    assert Path("mine.png").read_text() == "mine"
    assert not Path("runs").exists()


def test_an_own_file_is_replaced_unless_it_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert check_output_file(path) == path
    write_output(path, "first")
    check_output_file(path)
    write_output(path, "second")
    check_output_file(path)
    path.write_text("second, edited")
    with pytest.raises(UsageError, match=r"out\.csv already exists"):
        check_output_file(path)
    with pytest.raises(UsageError, match=r"out\.csv already exists"):
        write_output(path, "third")
    assert path.read_text() == "second, edited"
    path.unlink()
    check_output_file(path)


def test_a_file_with_the_content_of_an_own_one_elsewhere_is_not_replaced(tmp_path: Path) -> None:
    write_output(tmp_path / "a", "content")
    shutil.copy(tmp_path / "a", tmp_path / "b")
    with pytest.raises(UsageError, match="b already exists"):
        check_output_file(tmp_path / "b")


def test_an_own_file_is_known_by_every_path_to_it(tmp_path: Path) -> None:
    write_output(tmp_path / "a", "content")
    (tmp_path / "folder").mkdir()
    check_output_file(tmp_path / "folder" / ".." / "a")


def test_several_processes_may_write_a_file_at_the_same_time(tmp_path: Path) -> None:
    def write(content: int) -> None:
        write_output(tmp_path / "out.json", f"{content}" * 1000)

    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(write, range(80)):
            pass  # raises what went wrong
    (tmp_path / "out.json").write_text("mine")
    with pytest.raises(UsageError, match=r"out\.json already exists"):
        write(0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_file_of_a_process_killed_after_writing_it_is_replaced(tmp_path: Path) -> None:
    """The file must be known from the moment on at which it is there."""
    path = tmp_path / "out.json"
    code = (
        "import os, pathlib, sys; from nnkit import files; "
        "from nnkit.cli.output_files import write_output; "
        "files._sync_folder = lambda folder: os.kill(os.getpid(), 9); "
        "write_output(pathlib.Path(sys.argv[1]), 'content')"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "content"
    check_output_file(path)


def test_devices_are_accepted() -> None:
    check_output_file(Path(os.devnull))
    write_output(Path(os.devnull), "content")


def test_without_a_cache_folder_files_are_written_but_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    write_output(tmp_path / "a", "content")
    with pytest.raises(UsageError, match="a already exists"):
        check_output_file(tmp_path / "a")


class TestInputs:
    """An input is refused even if nnkit wrote it."""

    def test_of_predict(self, program: Program, trained: Path) -> None:
        write_output(Path("t.csv"), (TABLES / "iris.csv").read_bytes())
        answer = program("predict", "t.csv", "-c", trained, "-o", "./t.csv")
        assert (answer.code, answer.out) == (2, "")
        assert answer.errors == ["t.csv is an input; choose another name for the output"]

    def test_of_predict_in_a_folder(self, program: Program) -> None:
        Path("pictures").mkdir()
        write_output(Path("pictures/7.png"), PICTURE.read_bytes())
        answer = program("predict", "pictures", "--annotate", "pictures")
        assert (answer.code, answer.out) == (2, "")
        assert answer.errors[0].startswith("pictures/7.png is an input")

    def test_of_eval(self, program: Program, trained: Path) -> None:
        write_output(Path("t.csv"), (TABLES / "iris.csv").read_bytes())
        answer = program("eval", trained, "--data", "t.csv", "--predictions", "t.csv")
        assert (answer.code, answer.out) == (2, "")
        assert answer.errors[0].startswith("t.csv is an input")

    def test_of_batch(self, program: Program) -> None:
        write_output(Path("t.csv"), (TABLES / "xor.csv").read_bytes())
        Path("c.yaml").write_text(XOR.read_text().replace("../data/tables/xor.csv", "t.csv"))
        Path("b.yaml").write_text("base: c.yaml\ngrid: {training.epochs: [1]}\n")
        answer = program("batch", "b.yaml", "-o", "t.csv")
        assert (answer.code, answer.out) == (2, "")
        assert answer.errors[0].startswith("t.csv is an input")

    def test_of_show_filters(self, program: Program) -> None:
        write_output(Path("7.png"), PICTURE.read_bytes())
        answer = program("show", "filters", "7.png", "-o", "7.png")
        assert (answer.code, answer.out) == (2, "")
        assert answer.errors[0].startswith("7.png is an input")

    def test_of_data_show(self, program: Program) -> None:
        for name in ("a", "b"):
            Path("pictures", name).mkdir(parents=True)
            write_output(Path(f"pictures/{name}/7.png"), PICTURE.read_bytes())
        Path("c.yaml").write_text(
            "data: {source: {kind: image_folder, path: pictures}}\n"
            "architecture: {layers: [flatten, dense: 2]}\n"
        )
        answer = program("data", "show", "c.yaml", "-o", "pictures/a/7.png")
        assert (answer.code, answer.out) == (2, "")
        assert answer.errors[0].startswith("pictures/a/7.png is an input")


def test_commands_can_be_repeated(program: Program, trained: Path) -> None:
    for _ in range(2):
        assert program("eval", trained, "--predictions", "p.csv").code == 0
        assert program("predict", PICTURE, "--annotate", "a.png", "--debug-dir", "d").code == 0
    Path("d/01-grey.png").write_bytes(b"mine")
    answer = program("predict", PICTURE, "--debug-dir", "d")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors[0].startswith("d/01-grey.png already exists")


def test_the_old_name_of_an_option_says_the_new_one(program: Program, trained: Path) -> None:
    answer = program("predict", TABLES / "iris.csv", "-c", trained, "--csv", "o.csv")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["--csv is now called --output, or -o: -o o.csv"]
