"""Tests of the loader: the choice of kernels, and libraries that cannot be used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnkit.errors import UsageError
from nnkit.native import library as loader
from nnkit.native.library import SETTING, LibraryError, kernels, load, usable_kernels
from nnkit.native.platforms import library_path, sources_digest
from tests.cli.program import plain_environment
from tests.training.configs import TABLES

ROOT = Path(__file__).parents[2]
CONFIG = f"""
name: iris
data: {{source: {{kind: csv, path: {TABLES / "iris.csv"}, label: species}}}}
architecture: {{layers: [dense: 8, dense: 3]}}
training: {{epochs: 2}}
"""


def fresh(monkeypatch: pytest.MonkeyPatch, setting: str | None) -> loader.Library | None:
    """Loads the library anew, with a value of NNKIT_NATIVE."""
    monkeypatch.delenv(SETTING, raising=False)
    if setting is not None:
        monkeypatch.setenv(SETTING, setting)
    return loader.library.__wrapped__()


@pytest.mark.native
def test_the_setting_chooses_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    best = fresh(monkeypatch, None)
    assert best is not None
    usable = loader.usable_kernels(best.functions)
    assert best.variant == usable[-1]
    for name in usable:
        chosen = fresh(monkeypatch, name)
        assert chosen is not None
        assert chosen.variant == name
    assert fresh(monkeypatch, "0") is None


def expected_kernels() -> list[str]:
    """The kernels for what Linux says of the processor."""
    found = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
    wanted = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
    return ["base", *(name for name, flags in wanted.items() if flags <= found)]


if sys.platform == "linux":

    @pytest.mark.native
    def test_the_library_finds_out_what_the_processor_has() -> None:
        assert usable_kernels(load(library_path())) == expected_kernels()


@pytest.mark.native
def test_a_setting_that_there_is_not_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=f"{SETTING}=fast: use one of 0, base"):
        fresh(monkeypatch, "fast")


def test_kernels_cannot_be_chosen_where_there_are_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(loader, "library_path", lambda: tmp_path / "absent.so")
    assert fresh(monkeypatch, None) is None
    with pytest.raises(UsageError, match=f"{SETTING}=base: use one of 0$"):
        fresh(monkeypatch, "base")


def test_an_installation_without_kernels_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    monkeypatch.setattr(loader, "library_path", lambda: tmp_path / "absent.so")
    (notice,) = loader.notices()
    assert loader.COMPILE in notice
    monkeypatch.setenv(SETTING, "0")
    assert loader.notices() == []


def cut(size: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(size * len(content))]


# What happens to a library, and what is then said on Linux.
DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda content: b"", "incomplete"),
    "cut at the start": (lambda content: content[:50], "incomplete"),
    "cut in the middle": (cut(0.5), "incomplete"),
    "cut at the end": (lambda content: content[:-1], "incomplete"),
    "text": (lambda content: b"not a library\n" * 100, "invalid ELF header"),
    "another processor": (  # RISC-V
        lambda content: content[:18] + b"\xf3\0" + content[20:],
        "is not for this processor",
    ),
    "a symbol is missing": (
        lambda content: content.replace(b"nnkit_sources_digest", b"nnkit_sources_absent"),
        "undefined symbol",
    ),
}


@pytest.mark.native
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_library_is_refused(damage: str, tmp_path: Path) -> None:
    change, told = DAMAGES[damage]
    content = library_path().read_bytes()
    path = tmp_path / f"{damage.replace(' ', '_')}.so"
    path.write_bytes(change(content))
    assert path.read_bytes() != content
    with pytest.raises(LibraryError, match=told if sys.platform == "linux" else ""):
        load(path)


@pytest.mark.native
def test_a_library_of_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    load(library_path())
    monkeypatch.setattr(loader, "sources_digest", lambda: sources_digest() ^ 1)
    with pytest.raises(LibraryError, match="other sources"):
        load(library_path())


@pytest.mark.native
@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut in the middle", "another processor", "changed sources"])
def test_training_goes_on_with_numpy(damage: str, tmp_path: Path) -> None:
    package = tmp_path / "nnkit"
    shutil.copytree(ROOT / "nnkit", package, ignore=shutil.ignore_patterns("__pycache__"))
    if damage in DAMAGES:
        path = library_path(package / "native")
        path.write_bytes(DAMAGES[damage][0](path.read_bytes()))
    else:
        with (package / "native" / "source" / "program.h").open("a") as source:
            source.write("/* changed */\n")
    (tmp_path / "config.yaml").write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-m", "nnkit", "train", "config.yaml"],
        cwd=tmp_path,
        env=plain_environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning: the compiled kernels cannot be used") == 1
    summary = next((tmp_path / "runs").glob("*/summary.json")).read_text()
    assert '"kernels": "NumPy"' in summary


def test_the_kernels_have_a_name() -> None:
    assert kernels() in {"NumPy", "base", "avx2", "avx512"}
