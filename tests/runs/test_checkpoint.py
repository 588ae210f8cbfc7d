"""Tests of checkpoints: read bit by bit as written, or rejected."""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nnkit
from nnkit.errors import CheckpointError
from nnkit.inference.saving import trained_from
from nnkit.runs.checkpoint import FORMAT, read_checkpoint, write_checkpoint
from nnkit.runs.directory import RunDirectory
from nnkit.runs.header import HEADER_KEY
from tests.runs.iris import exit_code

DAMAGES = int(os.environ.get("NNKIT_DAMAGES", "120"))
DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
ARRAYS = hnp.arrays(
    st.sampled_from([np.dtype(name) for name in DTYPES]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def written(folder: Path, tensors: dict[str, Any], header: dict[str, Any]) -> Path:
    path = folder / "x.safetensors"
    write_checkpoint(path, tensors, header)
    return path


@given(st.dictionaries(st.text(max_size=9), ARRAYS, max_size=4), JSON)
def test_what_is_written_is_read(folder: Path, tensors: dict[str, Any], about: Any) -> None:
    read = read_checkpoint(written(folder, tensors, {"about": about}))
    assert read.header["about"] == about
    assert set(read.tensors) == set(tensors)
    for name, array in tensors.items():
        assert read.tensors[name].dtype == array.dtype
        assert read.tensors[name].shape == array.shape
        assert read.tensors[name].tobytes() == array.tobytes(), "NaNs included"


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(4, 6).T,
        np.arange(24.0).reshape(4, 6)[:, ::2],
        np.arange(24.0)[::-1],
        np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        np.broadcast_to(np.arange(4.0), (3, 4)),
        np.moveaxis(np.arange(24.0).reshape(2, 3, 4), 0, -1),
        np.arange(24.0).astype(">f8"),
    ],
    ids=["transposed", "strided", "reversed", "Fortran", "broadcast", "moved", "big-endian"],
)
def test_however_an_array_lies_in_memory(array: Any, folder: Path) -> None:
    read = read_checkpoint(written(folder, {"a": array}, {})).tensors["a"]
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.float64


def test_equal_contents_give_equal_bytes(folder: Path) -> None:
    values = np.arange(12.0).reshape(3, 4)
    header = {"config": {"b": 1, "a": [1, 2]}, "classes": None}
    tensors = {f"params/{name}": values + i for i, name in enumerate("cab")}
    once = written(folder, tensors, header).read_bytes()
    copies = {name: np.asfortranarray(array) for name, array in tensors.items()}
    assert written(folder, copies, json.loads(json.dumps(header))).read_bytes() == once
    assert written(folder, tensors, {**header, "classes": []}).read_bytes() != once


def test_parts_go_by_their_prefix(folder: Path) -> None:
    names = ["params/a", "params/b/c", "params2/d", "optimizer/a"]
    checkpoint = read_checkpoint(written(folder, {name: np.zeros(1) for name in names}, {}))
    assert set(checkpoint.part("params")) == {"a", "b/c"}
    assert set(checkpoint.part("optimizer")) == {"a"}
    assert checkpoint.part("preprocess") == {}


def test_other_programs_read_the_arrays(folder: Path) -> None:
    from safetensors import safe_open

    path = written(folder, {"params/W": np.arange(6.0).reshape(2, 3)}, {"step": 3})
    with safe_open(path, framework="np") as file:
        np.testing.assert_array_equal(file.get_tensor("params/W"), [[0, 1, 2], [3, 4, 5]])
        assert json.loads(file.metadata()["nnkit"])["step"] == 3


def damages(whole: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    """Yields copies of a checkpoint, each damaged in one way."""
    draw = random.Random(0)
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    yield "empty", b""
    yield "doubled", whole + whole
    yield "length of the header", struct.pack("<Q", 2**63) + whole[8:]
    for i in range(count - 3):
        at, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        if i % 4 == 1:
            yield f"cut at {at}", whole[:at]
        elif i % 4 == 2:
            at = draw.randrange(8, header)
            other = bytes([draw.choice([c for c in range(32, 127) if c != whole[at]])])
            yield f"header at {at}", whole[:at] + other + whole[at + 1 :]
        elif i % 8 == 3:
            yield "bytes appended", whole + draw.randbytes(draw.randint(1, 99))
        else:
            yield f"bit {bit} at {at}", whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]


def refusal(path: Path) -> str:
    """Returns the error message for a checkpoint; empty if it is accepted."""
    try:
        read_checkpoint(path)
    except CheckpointError as error:
        return str(error)
    return ""


def test_damage_is_always_noticed(
    run: nnkit.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = RunDirectory(run.directory).last.read_bytes()
    path = tmp_path / "damaged.safetensors"
    for i, (what, content) in enumerate(damages(whole, DAMAGES)):
        path.write_bytes(content)
        message = refusal(path)
        assert message.startswith(f"{path}: "), what
        if i % 20 == 0:
            assert exit_code(monkeypatch, "eval", path) == 3
            assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.parametrize("checksum", ["", "0" * 64, "f" * 64, "\ud800" * 64, None, 5, ["a"], {}])
def test_a_forged_checksum_is_noticed(checksum: Any, folder: Path) -> None:
    from safetensors.numpy import save_file

    path = folder / "forged.safetensors"
    header = json.dumps({"format": FORMAT, "sha256": checksum})
    save_file({"a": np.zeros(3)}, path, metadata={HEADER_KEY: header})
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path)


def test_a_later_format_is_called_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(folder, {}, {"format": 2})
    with pytest.raises(
        CheckpointError, match="written in format 2; this version of nnkit reads format 1"
    ):
        read_checkpoint(path)
    assert exit_code(monkeypatch, "eval", path) == 3
    assert "written in format 2" in capsys.readouterr().err


def test_other_files_are_reported_as_no_checkpoint(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, tmp_path / "others.safetensors")
    (tmp_path / "config.yaml").write_text("data: {source: mnist}\n")
    with pytest.raises(CheckpointError, match="not an nnkit checkpoint, or damaged"):
        read_checkpoint(tmp_path / "others.safetensors")
    with pytest.raises(CheckpointError, match="a config, not a checkpoint; `nnkit train"):
        read_checkpoint(tmp_path / "config.yaml")
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none")
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "key", ["config", "classes", "columns", "raw_shape", "input_shape", "params"]
)
def test_parts_that_do_not_fit_together_are_refused(
    key: str, run: nnkit.Run, tmp_path: Path
) -> None:
    checkpoint = read_checkpoint(RunDirectory(run.directory).best)
    header = {k: v for k, v in checkpoint.header.items() if k not in ("sha256", "format", key)}
    tensors = {n: a for n, a in checkpoint.tensors.items() if not n.startswith(f"{key}/")}
    with pytest.raises(CheckpointError):
        trained_from(read_checkpoint(written(tmp_path, tensors, header)))
