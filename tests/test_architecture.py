"""Tests of the code's structure: import directions, names, dependencies and docstrings."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

PACKAGE = Path(__file__).parents[1] / "nnkit"
MODULES = sorted(PACKAGE.rglob("*.py"))

# The folders that each folder may import, beside itself and the root modules, from bottom to top.
MAY_IMPORT = {
    "config": set[str](),
    "metrics": set[str](),
    "decoding": {"config"},
    "baselines": set[str](),
    "native": set[str](),
    "nn": {"config", "native"},
    "data": {"config", "native"},
    "runs": {"config"},
    "optim": {"config", "native", "nn"},
    "task": {"config", "decoding", "metrics", "nn", "data", "optim"},
    "inference": {
        "baselines",
        "config",
        "decoding",
        "metrics",
        "native",
        "nn",
        "data",
        "runs",
        "task",
    },
    "training": {
        "config",
        "metrics",
        "native",
        "nn",
        "data",
        "runs",
        "optim",
        "task",
        "inference",
    },
    "reading": {"nn", "data", "runs", "task", "inference"},
    "inspection": {
        "config",
        "metrics",
        "nn",
        "data",
        "runs",
        "optim",
        "task",
        "inference",
        "training",
    },
    "experiments": {
        "config",
        "metrics",
        "nn",
        "data",
        "runs",
        "optim",
        "task",
        "inference",
        "training",
        "inspection",
    },
    "cli": {
        "config",
        "decoding",
        "native",
        "metrics",
        "nn",
        "data",
        "runs",
        "task",
        "inference",
        "training",
        "reading",
        "inspection",
        "experiments",
    },
}
# The public interface, which imports lazily.
FACE = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
ROOT_MODULES = {path.stem for path in set(PACKAGE.glob("*.py")) - FACE}
# Modules of commands have the commands' names, which may also be used elsewhere.
COMMANDS = PACKAGE / "cli"

THIRD_PARTY = {
    "numpy",
    "pillow",
    "pydantic",
    "pyyaml",
    "rich",
    "safetensors",
    "threadpoolctl",
    "typer",
}


@cache
def imported(module: Path) -> frozenset[str]:
    """Returns the modules of nnkit that a module imports, such as `nn.layer`; also for typing."""
    names: list[str] = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written in full"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    ours = [name.removeprefix("nnkit.") for name in names if name.startswith("nnkit.")]
    return frozenset(map(_module, ours))


def _module(name: str) -> str:
    """Returns the module of a dotted name, such as `nn.layer` for `nn.layer.Layer`."""
    while name and name not in PATHS:
        name = name.rpartition(".")[0]
    return name


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {_name(path): path for path in MODULES}


def test_nothing_imports_upwards() -> None:
    found = []
    for module in sorted(set(MODULES) - FACE):
        place = module.relative_to(PACKAGE)
        folder = place.parts[0]
        own = {folder, *MAY_IMPORT[folder]} if folder in MAY_IMPORT else set()
        upwards = {name.split(".")[0] for name in imported(module)} - ROOT_MODULES - own
        found += [f"{place} imports {name}" for name in sorted(upwards)]
    assert found == []


def test_every_folder_has_its_place() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= set(MAY_IMPORT), "add the new folder to MAY_IMPORT"


def test_no_modules_import_each_other() -> None:
    graph = {name: imported(path) for name, path in PATHS.items() if path not in FACE}
    TopologicalSorter(graph).prepare()  # raises CycleError with their names


def test_no_two_modules_have_one_name() -> None:
    names = [path.name for path in MODULES if COMMANDS not in path.parents]
    assert [n for n, count in Counter(names).items() if count > 1 and n[0] != "_"] == []


def test_no_two_public_classes_have_one_name() -> None:
    public = re.compile(r"^class ([A-Za-z]\w*)", re.MULTILINE)
    names = [name for path in MODULES for name in public.findall(path.read_text("utf-8"))]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def modules_after(statement: str) -> set[str]:
    """Returns the packages that a new Python process imports in a statement."""
    script = (
        f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {module.split(".")[0] for module in result.stdout.split()}


def normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def closure(distributions: set[str]) -> set[str]:
    """Returns distributions with all their dependencies."""
    found: set[str] = set()
    waiting = set(distributions)
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            continue  # needed on other systems only
        for requirement in map(Requirement, needed):
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            dependency = normal(requirement.name)
            if wanted and dependency not in found:
                waiting.add(dependency)
    return found


def test_training_needs_no_package_beyond_the_declared_few() -> None:
    modules = (
        modules_after("import nnkit, nnkit.training.run") - sys.stdlib_module_names - {"nnkit"}
    )
    home = packages_distributions()
    distributions = {normal(home[module][0]) for module in modules if module in home}
    assert "numpy" in distributions
    assert distributions <= closure(THIRD_PARTY)


def test_importing_nnkit_alone_does_not_wait_for_numpy() -> None:
    assert "numpy" not in modules_after("import nnkit")


def test_a_docstring_is_understood_alone() -> None:
    opening = re.compile(r"(Likewise|It|Its|Them|They|That|Those|Of|Or|And|What|Where|Who|How)\b")
    quoted = re.compile(rf'["\']{{3}}\s*{opening.pattern}')
    folders = (PACKAGE.parent / name for name in ("benchmarks", "docs", "nnkit", "tests", "tools"))
    found = []
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not quoted.search(text):  # parsing every file would take a second
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                docstring = ast.get_docstring(node)
                if docstring and opening.match(docstring):
                    place = path.relative_to(PACKAGE.parent)
                    found.append(f"{place}: {docstring.splitlines()[0]}")
    assert found == []
