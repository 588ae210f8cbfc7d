"""Tests of the build: compilers, wheels and the source distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from nnkit.native.build import COMPILERS, MOST_BYTES, build, find_compiler, kind_and_target
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
    assert path.stat().st_size < MOST_BYTES


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


def compiler_that_defines(*names: str) -> list[str]:
    return ["sh", "-c", "".join(f"echo '#define {name} 1'; " for name in names)]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("__GNUC__", "__linux__", "__x86_64__"), ("gcc", "x86_64", "linux")),
        (("__GNUC__", "__clang__", "__APPLE__", "__aarch64__"), ("clang", "aarch64", "darwin")),
        (("__x86_64__", "_WIN32"), ("gcc", "x86_64", "win32")),
    ],
)
def test_the_compiler_decides_what_it_compiles_for(
    names: tuple[str, ...], found: tuple[str, str, str]
) -> None:
    assert kind_and_target(compiler_that_defines(*names)) == found


def test_a_compiler_for_a_processor_without_kernels_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no compiled kernels"):
        build(tmp_path, compiler_that_defines("__linux__", "__i386__"))


def test_a_compiler_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnkit.native.build.LONGEST_PROBE", 0.01)
    with pytest.raises(BuildError, match=r"^sh did not end within 0.01 s$"):
        kind_and_target(["sh", "-c", "exec sleep 60"])


def test_a_compiler_that_writes_nothing_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"libnnkit.so: No such file"):
        build(tmp_path, compiler_that_defines("__linux__", "__x86_64__"))


def test_messages_in_another_encoding_are_reported(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"exit code 1\nna.ve$"):
        build(tmp_path, ["sh", "-c", r"printf 'na\357ve'; exit 1"])


def test_a_command_that_cannot_be_read_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "gcc '-O2")
    with pytest.raises(BuildError, match="CC=gcc '-O2: no closing quotation"):
        find_compiler()


@pytest.mark.compiler
def test_an_installed_compiler_compiles_for_this_machine() -> None:
    _, machine, system = kind_and_target(find_compiler())
    assert instruction_sets(machine) == instruction_sets()
    assert library_path(system=system) == library_path()


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
