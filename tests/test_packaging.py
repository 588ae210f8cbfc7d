"""Tests that pyproject.toml matches the code, and that texts name the correct distribution."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOR_CONTRIBUTORS = {"dev", "bench"}
EXTRAS = {
    name: {Requirement(line).name for line in lines}
    for name, lines in PROJECT["optional-dependencies"].items()
    if name not in FOR_CONTRIBUTORS
}
CORE = {Requirement(line).name for line in PROJECT["dependencies"]}
# Packages whose distribution has another name, or that come with another library.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "pydantic_core": "pydantic",
    "yaml": "pyyaml",
}

PROGRAMS = {"mpich"}  # packages that are run, not imported

FOLDERS = ("nnkit", "docs", "configs", "data", "benchmarks", "tests", ".github")
WRITTEN = {".json", ".md", ".py", ".svg", ".toml", ".yaml", ".yml"}
# `nnkit` on the index is another project; this one is distributed as `nnkit-yaml`.
FOREIGN = re.compile(r"\bpip3? install\b[^\n;)]*?[\s'\"`]nnkit(?![\w/-])|\bnnkit\[")


def imported(module: Path) -> Iterator[str]:
    """Yields the top-level packages that a module imports, by statement or by `optional(…)`."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(name)):
                yield name.partition(".")[0]
            case ast.Call(func=ast.Name("optional"), args=[ast.Constant(str(name)), *_]):
                yield name.partition(".")[0]


@cache
def libraries() -> set[str]:
    """Returns the distributions that nnkit's code imports."""
    names = {name for module in (ROOT / "nnkit").rglob("*.py") for name in imported(module)}
    return {DISTRIBUTIONS.get(n, n) for n in names - sys.stdlib_module_names - {"nnkit"}}


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_library_of_an_extra_is_used(extra: str) -> None:
    assert EXTRAS[extra] - PROGRAMS <= libraries()


def test_every_library_that_is_used_is_declared() -> None:
    assert libraries() == CORE.union(*EXTRAS.values()) - PROGRAMS


def texts() -> Iterator[Path]:
    """Yields all texts of the repository (code, pages, configs) except this file."""
    yield ROOT / "Makefile"
    for paths in (ROOT.glob("*"), *((ROOT / folder).rglob("*") for folder in FOLDERS)):
        yield from (path for path in paths if path.suffix in WRITTEN)


def test_no_text_tells_to_install_another_projects_nnkit() -> None:
    told = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in texts()
        if path != Path(__file__)
        for found in FOREIGN.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not told


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("pip install nnkit", True),
        ("run `pip install --upgrade nnkit` first", True),
        ("pip install 'nnkit[plot]'", True),
        ("needs nnkit[plot]", True),
        ("pip install nnkit==0.1", True),
        ("pip install nnkit-yaml", False),
        ("pip install '.[plot]'", False),
        ("pip install . in the folder nnkit/", False),
        ("pip install matplotlib; nnkit show gelu", False),
    ],
)
def test_the_pattern_tells_ours_from_theirs(text: str, foreign: bool) -> None:
    assert bool(FOREIGN.search(text)) is foreign


def test_the_distribution_is_not_called_as_the_other_project() -> None:
    assert PROJECT["name"] == "nnkit-yaml"
    assert PROJECT["scripts"] == {"nnkit": "nnkit.__main__:main"}
