"""Tests of output: encodings, closed pipes, full disks, and file names that are not UTF-8."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from io import BytesIO, TextIOWrapper
from pathlib import Path
from threading import Thread
from typing import IO, Any

import pytest
import typer

from nnkit.cli.app import app
from nnkit.cli.streams import Sink
from tests.cli.program import IRIS, ROOT, SHORT, TABLES, Answer, Program, command, plain_environment
from tests.limits import file_size_limit

PICTURE = ROOT / "data" / "pictures" / "7.png"
XOR = ROOT / "configs" / "xor.yaml"
DIGITS = ROOT / "configs" / "digits.yaml"
RESTART = (*SHORT, "--restart")

# A call of every command; RUN stands for a finished run, OTHER for its copy, RUNS for its folder.
CALLS: dict[str, tuple[object, ...]] = {
    "train": (IRIS, *RESTART),
    "batch": ("größe→-batch.yaml",),
    "tune": ("größe→-tune.yaml", "--show"),
    "eval": ("RUN",),
    "predict": (PICTURE, TABLES / "iris.csv", "-c", "RUN"),
    "config validate": (IRIS,),
    "config show": (IRIS,),
    "config schema": (),
    "data list": (),
    "data check": (IRIS,),
    "data show": (DIGITS, "--count", 1),
    "data fetch": ("mnist", "--mirror", "http://127.0.0.1:9"),
    "lr-find": (IRIS,),
    "ladder": (TABLES / "diabetes.csv",),
    "gradcheck": (IRIS,),
    "runs list": (),
    "runs show": ("RUN",),
    "runs compare": ("RUN", "OTHER"),
    "runs best": ("--metric", "test.loss", "--runs", "RUNS"),
    "runs prune": ("--older-than", "0h", "--dry-run", "--runs", "RUNS"),
    "show activation": ("gelu",),
    "show schedule": (IRIS,),
    "show filters": (PICTURE, "-o", "größe→.png"),
    "trace": (XOR,),
    "init": ("-o", "größe→.yaml"),
}
FAILS = {"predict": 3, "tune": 3}  # RUN does not accept pictures, and no trial is there to show


def commands(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Yields the names of the program's commands, without groups."""
    for name, member in group.commands.items():
        if hasattr(member, "commands"):
            yield from commands(member, *path, name)
        else:
            yield (*path, name)


ALL = [" ".join(path) for path in commands(typer.main.get_command(app))]


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("cp1252", marks=pytest.mark.slow)])
class TestEncodings:
    @pytest.fixture
    def printing(self, program: Program, encoding: str, monkeypatch: pytest.MonkeyPatch) -> Program:
        """Runs the program with streams of an encoding."""

        def printing(*arguments: object) -> Answer:
            monkeypatch.setenv("NNKIT_DATA", str(ROOT / "data"))
            streams = [TextIOWrapper(BytesIO(), encoding=encoding) for _ in range(2)]
            monkeypatch.setattr(sys, "stdout", streams[0])
            monkeypatch.setattr(sys, "stderr", streams[1])
            code = program(*arguments).code
            for stream in streams:
                stream.seek(0)
            return Answer(code, *(stream.read() for stream in streams))

        return printing

    @pytest.mark.parametrize("name", ALL)
    def test_every_command_prints(self, name: str, printing: Program, trained: Path) -> None:
        places = {"RUN": trained, "RUNS": trained.parent, "OTHER": Path("other").absolute()}
        if "OTHER" in CALLS[name]:
            shutil.copytree(trained, places["OTHER"])
        Path("größe→-batch.yaml").write_text(f"base: {IRIS}\ngrid: {{training.epochs: [2]}}\n")
        Path("größe→-tune.yaml").write_text(
            f"extends: {IRIS}\noptimizer: {{lr: {{choice: [0.1, 0.01]}}}}\n"
            "search: {metric: validation.loss}\n"
        )
        arguments = [places.get(str(part), part) for part in CALLS[name]]
        answer = printing(*name.split(), *arguments)
        assert answer.code == FAILS.get(name, 0), answer.err
        assert answer.out or "wrote" in answer.err or name in FAILS
        assert "fault in nnkit" not in answer.err

    @pytest.mark.parametrize("name", ["", "config", "data", "runs", "show", *ALL])
    def test_every_help_prints(self, name: str, printing: Program) -> None:
        answer = printing(*name.split(), "--help")
        assert answer.code == 0
        assert f"Usage: nnkit {name}".rstrip() in answer.out

    def test_a_wrong_option_prints(self, printing: Program, encoding: str) -> None:
        # Typer repeats the option, and writes UTF-8 even to an ASCII stream.
        option = "--bogus" if encoding == "ascii" else "--größe→"
        answer = printing("train", "größe→.yaml", option)
        assert answer.code == 2
        assert "No such option" in answer.err

    def test_names_are_readable(self, printing: Program) -> None:
        answer = printing("config", "validate", "→日.yaml")
        assert answer.code == 2
        assert answer.err == "error: ->\\u65e5.yaml: no such file\n"


def process(*arguments: object, folder: Path, **streams: int | IO[bytes]) -> Answer:
    """Starts the program as a process; streams that are not given are pipes."""
    ended = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=plain_environment(),
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},  # type: ignore[call-overload]
    )
    return Answer(ended.returncode, (ended.stdout or b"").decode(), (ended.stderr or b"").decode())


@pytest.fixture
def unread() -> Iterator[int]:
    """Opens a pipe whose reading end is closed."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_a_pipe_that_is_slow_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    content = os.urandom(1 << 20)
    received: list[bytes] = []
    with os.fdopen(reader, "rb") as source, Sink(writer, "w") as sink:
        thread = Thread(target=lambda: received.append(source.read(len(content))))
        thread.start()
        assert sink.write(content) == len(content)
        thread.join()
    assert received == [content]


class TestReaderLeft:
    def test_a_run_is_finished(self, tmp_path: Path, unread: int) -> None:
        answer = process("train", IRIS, *SHORT, folder=tmp_path, stdout=unread, stderr=unread)
        assert answer.code == 0
        (run,) = (tmp_path / "runs").iterdir()
        assert (run / "summary.json").is_file()

    def test_the_exit_code_is_kept(self, tmp_path: Path, unread: int) -> None:
        gate = ("--set", "expect={test.accuracy: {max: 0.01}}")
        answer = process("train", IRIS, *SHORT, *gate, "-q", folder=tmp_path, stdout=unread)
        assert answer.code == 4

    @pytest.mark.slow
    def test_a_table_is_written_whole(self, tmp_path: Path, trained: Path, unread: int) -> None:
        table = TABLES / "iris.csv"
        answer = process(
            "predict", table, "-c", trained, "-o", "o.csv", folder=tmp_path, stdout=unread
        )
        assert (answer.code, answer.err) == (0, "")
        rows = (tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()
        assert len(rows) == len(table.read_text(encoding="utf-8").splitlines())

    @pytest.mark.slow
    def test_nothing_is_computed_for_closed_streams(self, tmp_path: Path, unread: int) -> None:
        answer = process("predict", PICTURE, "missing.png", folder=tmp_path, stdout=unread)
        assert (answer.code, answer.err) == (0, "")

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
    def test_an_interruption_that_cannot_be_announced_saves(
        self, tmp_path: Path, unread: int
    ) -> None:
        long = ("--set", "training={steps: 100000, evaluate_every: 500}")
        settings = (*long, "--set", "regularization.early_stopping=null")
        with subprocess.Popen(
            command("train", IRIS, *settings),
            cwd=tmp_path,
            env=plain_environment(),
            stdout=unread,
            stderr=unread,
        ) as training:
            while not list(tmp_path.glob("runs/*/metrics.jsonl")) and training.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    training.wait(timeout=0.02)
            training.send_signal(signal.SIGINT)
            assert training.wait(timeout=60) == 130
        assert list(tmp_path.glob("runs/*/checkpoints/last.safetensors"))


@pytest.mark.skipif(sys.platform == "win32", reason="has no /dev/full and no such shell")
class TestFullDevice:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("train", IRIS, *SHORT, "-q", "--json"),
            pytest.param(("config", "schema"), marks=pytest.mark.slow),
            ("--help",),
        ],
    )
    def test_is_one_line(self, tmp_path: Path, arguments: tuple[object, ...]) -> None:
        with Path("/dev/full").open("wb") as full:
            answer = process(*arguments, folder=tmp_path, stdout=full)
        assert answer.code == 1
        assert answer.errors == ["standard output: No space left on device"]
        assert bool(list(tmp_path.glob("runs/*/summary.json"))) == (arguments[0] == "train")

    def test_behind_messages_loses_no_result(self, tmp_path: Path) -> None:
        with Path("/dev/full").open("wb") as full:
            answer = process("predict", PICTURE, folder=tmp_path, stderr=full)
        assert (answer.code, answer.out) == (0, f"{PICTURE}: 7  99.8 %\n")

    @pytest.mark.parametrize(
        "closed", [pytest.param("2>&-", marks=pytest.mark.slow), "<&- >&- 2>&-"]
    )
    def test_a_closed_stream_does_no_harm(self, tmp_path: Path, closed: str) -> None:
        line = f"exec {shlex.join(command('train', IRIS, *SHORT))} {closed}"
        ended = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=plain_environment(), check=False
        )
        assert ended.returncode == 0
        (run,) = (tmp_path / "runs").iterdir()
        first = (run / "log.txt").read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("iris-mlp: 131 parameters")
        json.loads((run / "summary.json").read_text(encoding="utf-8"))


# Every command that writes a file, and the file that fails on a full disk.
WRITES: dict[str, tuple[tuple[object, ...], str]] = {
    "init": (("-o", "c.yaml"), "c.yaml"),
    "init --label": ((TABLES / "iris.csv", "--label", "species", "-o", "c.yaml"), "c.yaml"),
    "train": ((IRIS, *SHORT), "runs/iris-mlp-*/config.yaml"),
    "eval": (("RUN", "--predictions", "p.csv"), "p.csv"),
    "predict -o": ((TABLES / "iris.csv", "-c", "RUN", "-o", "o.csv"), "o.csv"),
    "predict --annotate": ((PICTURE, "--annotate", "a.png"), "a.png"),
    "predict --debug-dir": ((PICTURE, "--debug-dir", "d"), "d/01-grey.png"),
    "trace": ((XOR, "-o", "t.html"), "t.html"),
    "lr-find": ((XOR, "-o", "l.svg"), "l.svg"),
    "data show": ((DIGITS, "-o", "d.png"), "d.png"),
    "show activation": (("gelu", "-o", "a.png"), "a.png"),
    "show schedule": ((IRIS, "-o", "s.png"), "s.png"),
    "show filters": ((PICTURE, "-o", "f.png"), "f.png"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
@pytest.mark.parametrize("call", WRITES)
def test_a_full_disk_names_the_file_and_leaves_none(
    call: str, program: Program, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNKIT_DATA", str(ROOT / "data"))
    arguments, file = WRITES[call]
    name = call.partition(" -")[0].split()
    with file_size_limit(0):
        answer = program(*name, *(trained if part == "RUN" else part for part in arguments))
    assert answer.code == 1
    message = answer.err.splitlines()[-1]
    assert fnmatch(message, f"error: {file}: File too large")
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == []


def test_output_into_no_folder_or_onto_one_is_refused_before_any_work(
    program: Program, tmp_path: Path
) -> None:
    for output, why in (("no/p.png", "no such folder: no"), (".", "is a folder")):
        answer = program("lr-find", "missing.yaml", "-o", output)
        assert answer.code == 2
        assert why in answer.errors[0]


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Creates a folder whose name is not UTF-8, if the system supports such names."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("file names are UTF-8 here")
    return folder


class TestNamesThatAreNotUtf8:
    def test_pictures_are_read_and_drawn(self, program: Program, odd: Path) -> None:
        shutil.copy(PICTURE, odd / "7.png")
        shutil.copy(PICTURE, odd / os.fsdecode(b"\xe9.png"))
        to_files = ("-o", odd / "o.csv", "--annotate", odd / "a", "--debug-dir", odd / "d")
        answer = program("predict", odd.name, *to_files)
        assert (answer.code, answer.err) == (0, "")
        paths = [r"caf\xe9/7.png", r"caf\xe9/\xe9.png"]
        assert answer.out == "".join(f"{path}: 7  99.8 %\n" for path in paths)
        with (odd / "o.csv").open(encoding="utf-8", newline="") as file:
            assert [row["path"] for row in csv.DictReader(file)] == paths
        assert {path.stem for path in (odd / "a").iterdir()} == {"7", "\udce9"}
        assert {path.name for path in (odd / "d").iterdir()} == {"7", "\udce9"}

    def test_json_is_what_every_reader_takes(self, program: Program, odd: Path) -> None:
        shutil.copy(PICTURE, odd / "7.png")
        answer = program("predict", odd.name, "missing-\udce9.png", "--json")
        assert answer.code == 3
        assert [found["path"] for found in answer.json["inputs"]] == [
            r"caf\xe9/7.png",
            r"missing-\xe9.png",
        ]
        assert answer.errors == [r"missing-\xe9.png: no such file"]

    def test_a_run_is_trained_and_scored(self, program: Program, odd: Path) -> None:
        shutil.copy(TABLES / "xor.csv", odd / "xor.csv")
        config = odd / os.fsdecode(b"x\xf6r.yaml")
        text = XOR.read_text(encoding="utf-8").replace("../data/tables/", "")
        config.write_text(text, encoding="utf-8")
        runs = odd / os.fsdecode(b"r\xfcns")
        short = ("--set", "training.epochs=2", "--set", "expect={}")
        answer = program("train", config, "--runs", runs, *short, "--json")
        assert answer.code == 0, answer.err
        assert r"caf\xe9/r\xfcns/x" in answer.json["run"]
        (run,) = runs.iterdir()
        resolved = (run / "config.yaml").read_text(encoding="utf-8")
        assert r"caf\xe9/xor.csv" in resolved
        scored = program("eval", run, "--split", "train", "--predictions", odd / "\udce9.csv")
        assert scored.code == 0, scored.err
        assert r"r\xfcns" in scored.out
        assert program("config", "show", config, "--origin").code == 0

    def test_a_class_is_named_by_its_folder(self, program: Program, odd: Path) -> None:
        for name in (odd.name, "tea"):
            folder = odd / "pictures" / name
            folder.mkdir(parents=True)
            for number in range(3):
                shutil.copy(PICTURE, folder / f"{number}.png")
        (odd / "c.yaml").write_text(
            "data: {source: {kind: image_folder, path: pictures, size: [8, 8]}}\n"
            "architecture: {layers: [flatten, dense: 2]}\n"
            "training: {epochs: 1}\n",
            encoding="utf-8",
        )
        assert program("train", odd / "c.yaml", "--quiet").code == 0
        shown = program("eval", "c", "--split", "train", "--predictions", "p.csv")
        assert (shown.code, "\ncaf\\xe9 " in shown.out) == (0, True)
        table = (odd.parent / "p.csv").read_text(encoding="utf-8")
        assert r"probability_caf\xe9" in table
        sheet = program("data", "show", odd / "c.yaml", "-o", odd / "s.png")
        assert sheet.err == "wrote {}\n".format(str(odd / "s.png").replace("\udce9", r"\xe9"))

    def test_a_config_cannot_name_such_a_table(self, program: Program, odd: Path) -> None:
        shutil.copy(TABLES / "iris.csv", odd / "t.csv")
        answer = program("init", odd / "t.csv", "-o", "c.yaml")
        assert answer.code == 3
        why = "its name is not UTF-8, so a config cannot contain it; rename it first"
        assert answer.errors[0].endswith(rf"caf\xe9/t.csv: {why}")
        assert program("init", odd / "t.csv", "-o", odd / "c.yaml").code == 0
        assert program("config", "validate", odd / "c.yaml", "--data").code == 0
