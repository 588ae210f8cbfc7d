"""Writing files: the old one or the new one, whole, and nothing beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nnkit.files import remove_torn, write_atomic


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"old", b"", b"new" * 100_000):
        write_atomic(path, content)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


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
    with TemporaryDirectory() as folder:  # which, other than tmp_path, every user can reach
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
