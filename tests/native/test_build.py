"""Tests of the build: compilers, wheels and the source distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from nnkit.native.build import COMPILERS, build, target_of
from nnkit.native.library import load, usable_kernels
from nnkit.native.platforms import (
    INSTRUCTION_SETS,
    SOURCE,
    BuildError,
    instruction_sets,
    library_path,
)
from tests.cli.program import plain_environment

ROOT = Path(__file__).parents[2]


@pytest.mark.compiler
@pytest.mark.slow
def test_the_sources_compile_without_a_warning(tmp_path: Path) -> None:
    path = build(tmp_path, extra=["-Werror"])
    assert path == library_path(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    assert usable_kernels(load(path))
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler", "sh -c 'echo broken; exit 3'"])
def test_a_compiler_that_fails_is_reported(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(BuildError, match=r"exit code 1|No such file|exit code 3\nbroken"):
        build(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_compiler_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=f"no C compiler found.*{COMPILERS[0]}"):
        build(tmp_path)


@pytest.mark.parametrize(
    ("triple", "target"),
    [
        ("x86_64-linux-gnu", ("x86_64", "linux")),
        ("aarch64-unknown-linux-musl", ("aarch64", "linux")),
        ("arm64-apple-darwin23.1.0", ("arm64", "darwin")),
        ("x86_64-unknown-macos", ("x86_64", "darwin")),
        ("x86_64-w64-mingw32", ("x86_64", "win32")),
        ("x86_64-unknown-windows-gnu", ("x86_64", "win32")),
    ],
)
def test_the_compiler_decides_what_it_compiles_for(triple: str, target: tuple[str, str]) -> None:
    assert target_of(["sh", "-c", f"echo {triple}"]) == target


def test_a_compiler_for_a_processor_without_kernels_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no compiled kernels for i686"):
        build(tmp_path, ["sh", "-c", "echo i686-linux-gnu"])


@pytest.mark.parametrize("machine", ["AMD64", "x86_64", "arm64", "aarch64"])
def test_a_processor_has_several_names(machine: str) -> None:
    assert instruction_sets(machine) in INSTRUCTION_SETS.values()


def test_a_processor_without_kernels_is_reported() -> None:
    with pytest.raises(BuildError, match="no compiled kernels for riscv64"):
        instruction_sets("riscv64")


def package(kind: str, folder: Path, **variables: str) -> Path:
    """Builds a distribution of the repository; returns its file."""
    done = subprocess.run(
        [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "-o", str(folder), "."],
        cwd=ROOT,
        env=plain_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder / "output.txt").write_text(done.stdout + done.stderr)
    (found,) = folder.glob("nnkit_yaml-*")
    return found


@pytest.mark.compiler
@pytest.mark.slow
def test_a_wheel_holds_the_library_for_its_platform(tmp_path: Path) -> None:
    wheel = package("wheel", tmp_path)
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    name = f"nnkit/native/{library_path().name}"
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(name, tmp_path)
    load(tmp_path / name)


@pytest.mark.slow
def test_a_wheel_without_a_compiler_is_for_any_platform(tmp_path: Path) -> None:
    wheel = package("wheel", tmp_path, CC="false")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith((".so", ".dll"))]
    output = (tmp_path / "output.txt").read_text()
    assert "no compiled kernels, nnkit will use NumPy" in output


@pytest.mark.slow
def test_the_source_distribution_holds_the_sources_and_no_library(tmp_path: Path) -> None:
    with tarfile.open(package("sdist", tmp_path)) as archive:
        names = {Path(name).name for name in archive.getnames()}
    assert {path.name for path in SOURCE.iterdir()} | {"hatch_build.py"} <= names
    assert not [name for name in names if name.endswith((".so", ".dll"))]
