"""Tests of writing files: either the old or the new content, complete, and no other files."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import nnkit
from nnkit.files import append, link_atomic, remove_torn, write_atomic, write_new, write_together
from tests.limits import file_size_limit


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"old", b"", b"new" * 100_000):
        write_atomic(path, content)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("😀" * 60 + "x" * 15)  # 255 bytes
    write_new(path, b"new")
    assert path.read_bytes() == b"new"


def test_text_is_written_in_utf_8(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", "größe\r\n \udce9")
    assert (tmp_path / "file").read_bytes() == "größe\r\n \\xe9".encode()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/file")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"new"
    assert len(list(tmp_path.rglob("*"))) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(path, b"new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert path.is_fifo()


def test_files_written_together_wait_for_files_and_folders(tmp_path: Path) -> None:
    log, first, second = (tmp_path / name for name in ("log", "first", "second"))
    append(log, "line\n", sync=False)
    after = (log, tmp_path, tmp_path / "none")
    write_together({first: b"1", second: b"2"}, after)
    assert [file.read_bytes() for file in (log, first, second)] == [b"line\n", b"1", b"2"]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_new_file_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_new(path, b"mine")
    with pytest.raises(FileExistsError):
        write_new(path, b"yours")
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
class TestFullDisk:
    def test_leaves_no_new_file(self, tmp_path: Path) -> None:
        with file_size_limit(100), pytest.raises(OSError, match="File too large") as caught:
            write_new(tmp_path / "file", b"x" * 101)
        assert caught.value.filename == str(tmp_path / "file")
        assert list(tmp_path.iterdir()) == []

    def test_leaves_all_files_that_are_written_together(self, tmp_path: Path) -> None:
        small, large = tmp_path / "small", tmp_path / "large"
        write_together({small: b"old", large: b"old"})
        with file_size_limit(100), pytest.raises(OSError, match="File too large") as caught:
            write_together({small: b"new", large: b"x" * 101})
        assert caught.value.filename == str(large)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == {
            small: b"old",
            large: b"old",
        }

    def test_adds_no_half_line(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        with file_size_limit(100):
            append(path, "a" * 59 + "\n")
            with pytest.raises(OSError, match="File too large") as caught:
                append(path, "b" * 59 + "\n")
            append(path, "c" * 39 + "\n")
        assert caught.value.filename == str(path)
        assert path.read_text(encoding="utf-8") == "a" * 59 + "\n" + "c" * 39 + "\n"


def test_a_rename_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


REFUSED = """
import os, resource, sys
from pathlib import Path
import numpy as np
from nnkit.runs.checkpoint import write_checkpoint

{obstacle}
try:
    write_checkpoint(Path(sys.argv[1]), {{"a": np.zeros(10_000)}}, {{}})
except OSError as error:
    print(f"{{error.strerror}}: {{error.filename}}")
"""
FULL_DISK = "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
READ_ONLY = "os.geteuid() or os.seteuid(65534)  # root would not be stopped"


@pytest.mark.skipif(sys.platform == "win32", reason="has neither limits nor such rights")
@pytest.mark.parametrize(
    ("obstacle", "mode", "message"),
    [(FULL_DISK, 0o755, "File too large"), (READ_ONLY, 0o555, "Permission denied")],
    ids=["full disk", "read-only folder"],
)
def test_a_write_that_fails_leaves_the_old_file_whole(
    obstacle: str, mode: int, message: str
) -> None:
    with TemporaryDirectory() as folder:  # accessible to every user, unlike tmp_path
        path = Path(folder) / "file"
        path.write_bytes(b"old")
        path.parent.chmod(mode)
        result = subprocess.run(
            [sys.executable, "-c", REFUSED.format(obstacle=obstacle), str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        path.parent.chmod(0o755)
        assert result.stdout.startswith(f"{message}: {folder}/")
        assert path.read_bytes() == b"old"
        assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".last.ckpt.a1b2c3", "last.ckpt", ".best.ckpt.x", ".last.ckpt", "last.ckpt.a"):
        (tmp_path / name).touch()
    remove_torn(tmp_path / "last.ckpt")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"last.ckpt", ".best.ckpt.x", ".last.ckpt", "last.ckpt.a"}


OPENERS = {"open", "read_text", "write_text"}
BINARY = {"Image", "archive", "gzip", "os"}  # their `open` takes no encoding


def test_no_text_file_is_in_the_encoding_of_the_place() -> None:
    found = 0
    for module in Path(nnkit.__file__).parent.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        if not any(f"{name}(" in text for name in OPENERS):
            continue
        for call in ast.walk(ast.parse(text)):
            if not isinstance(call, ast.Call):
                continue
            whole = ast.unparse(call.func)
            owner, _, name = whole.rpartition(".")
            modes = [part.value for part in call.args if isinstance(part, ast.Constant)]
            binary = owner in BINARY or any("b" in str(mode) for mode in modes)
            if name in OPENERS and not binary:
                found += 1
                keywords = {keyword.arg for keyword in call.keywords}
                assert "encoding" in keywords, f"{module}:{call.lineno}"
    assert found > 3


def test_a_second_name_of_a_file_is_replaced_alone(tmp_path: Path) -> None:
    best, last = tmp_path / "best", tmp_path / "last"
    write_atomic(best, b"one")
    for _ in range(2):  # the second time both are one file already
        link_atomic(best, last)
        assert last.read_bytes() == b"one"
    write_atomic(last, b"two")
    assert (best.read_bytes(), last.read_bytes()) == (b"one", b"two")
    link_atomic(best, last)
    assert last.read_bytes() == b"one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "last"]


def test_without_links_the_content_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    write_atomic(tmp_path / "best", b"one")
    link_atomic(tmp_path / "best", tmp_path / "last")
    assert (tmp_path / "last").read_bytes() == b"one"
