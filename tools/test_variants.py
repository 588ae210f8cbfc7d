"""Runs the tests in several environments: `python -m tools.test_variants [NAME …]`.

Each variant runs the tests of `make test`: with the simplest of nnkit's kernels, on NumPy alone
with the matrix kernels of several processors, on one core, on other versions of Python, with the
oldest and the newest libraries that pyproject.toml allows. Environments are kept in `.variants/`,
together with the output of each variant, and rebuilt when pyproject.toml changes. Variants that
this machine cannot run, or that are the same as another one on it, are reported, but do not count
as failures. All variants run by default; the exit code is 1 if any fails.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".variants"
PYPROJECT = ROOT / "pyproject.toml"
HERE = "{}.{}".format(*sys.version_info[:2])
BOUND = re.compile(r"([\w.-]+)>=([\w.]+)")
COUNT = re.compile(r"(\d+) (passed|failed|errors?)")
# Multiplies matrices, and prints the kernels that did: "SkylakeX".
PRODUCT = """
import numpy as np, threadpoolctl
a = np.ones((300, 300), dtype=np.float32)
a @ a
print(*(library.get("architecture") for library in threadpoolctl.threadpool_info()))
"""
CORETYPE = "OPENBLAS_CORETYPE"


@dataclass(frozen=True)
class Variant:
    """One environment for the tests.

    Attributes:
        name: the name on the command line and in the table.
        python: the version of Python.
        oldest: whether to install the lowest versions of libraries that pyproject.toml allows.
        variables: environment variables.
        cores: the processors to use; None for all.
    """

    name: str
    python: str = HERE
    oldest: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    cores: str | None = None

    @property
    def environment(self) -> Path:
        """The folder of the virtual environment, shared between variants where possible."""
        return FOLDER / (f"{self.python}-oldest" if self.oldest else self.python)

    @property
    def interpreter(self) -> Path:
        return self.environment / "bin" / "python"


def on_kernels(processor: str) -> Variant:
    """Returns a variant where NumPy computes everything, with the kernels for a processor."""
    return Variant(processor.lower(), variables={"NNKIT_NATIVE": "0", CORETYPE: processor})


VARIANTS = [
    Variant("newest"),
    Variant("base", variables={"NNKIT_NATIVE": "base"}),
    Variant("numpy", variables={"NNKIT_NATIVE": "0"}),
    *map(on_kernels, ("Haswell", "Sandybridge", "Prescott", "SkylakeX")),
    Variant("one-core", cores="0"),
    Variant("two-cores", cores="0,1"),
    *(Variant(f"python{v}", v) for v in ("3.11", "3.12", "3.13", "3.14") if v != HERE),
    Variant("oldest", oldest=True),
]


@dataclass(frozen=True)
class Result:
    """The result of a variant: test counts, seconds, and a verdict."""

    name: str
    verdict: str
    passed: int = 0
    failed: int = 0
    seconds: float = 0.0

    def row(self) -> str:
        counts = f"{self.passed:7,}  {self.failed:6,}  {self.seconds:7.0f}" if self.seconds else ""
        return f"{self.name:12}  {counts:24}  {self.verdict}"


def main() -> None:
    """Runs the named variants, or all, and prints a row for each."""
    names = [variant.name for variant in VARIANTS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}")
    wanted = parser.parse_args().names or names
    if unknown := set(wanted) - set(names):
        parser.error(f"unknown variant {', '.join(sorted(unknown))}; use {', '.join(names)}")
    FOLDER.mkdir(exist_ok=True)
    print("variant        passed  failed  seconds  verdict", flush=True)
    results: list[Result] = []
    seen: dict[Hashable, str] = {}
    for variant in (variant for variant in VARIANTS if variant.name in wanted):
        results.append(run(variant, seen))
        print(results[-1].row(), flush=True)
    print(f"output: {FOLDER.relative_to(ROOT)}/NAME.log")
    sys.exit(any(result.verdict == "RED" for result in results))


def run(variant: Variant, seen: dict[Hashable, str]) -> Result:
    """Creates a variant's environment if necessary, and runs the tests in it.

    Args:
        variant: the variant.
        seen: what tests of earlier variants depended on, with their names; extended by this one.
    """
    base = python(variant.python)
    if base is None:
        return Result(variant.name, f"skipped: no Python {variant.python}")
    with (FOLDER / f"{variant.name}.log").open("w", encoding="utf-8") as log:
        try:
            prepare(variant, base, log.fileno())
        except subprocess.CalledProcessError:
            return Result(variant.name, "RED", failed=1)
    kernels = matrix_kernels(variant)
    if kernels is None:
        return Result(variant.name, "skipped: this processor does not support these kernels")
    same = seen.setdefault(conditions(variant, kernels), variant.name)
    if same != variant.name:
        return Result(variant.name, f"skipped: the same as {same} on this machine")
    began = perf_counter()
    ended = subprocess.run(
        [*pinned(variant.cores), variant.interpreter, "-m", "pytest", "-m", "not slow"],
        cwd=ROOT,
        env=os.environ | variant.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (FOLDER / f"{variant.name}.log").write_text(ended.stdout, encoding="utf-8")
    counts = {what.rstrip("s"): int(n) for n, what in COUNT.findall(ended.stdout[-300:])}
    return Result(
        variant.name,
        "RED" if ended.returncode else "green",
        counts.get("passed", 0),
        counts.get("failed", 0) + counts.get("error", 0),
        perf_counter() - began,
    )


def matrix_kernels(variant: Variant) -> str | None:
    """Returns the names of NumPy's matrix kernels; None if the processor does not support them."""
    multiplied = subprocess.run(
        [variant.interpreter, "-c", PRODUCT],
        env=os.environ | variant.variables,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return None if multiplied.returncode else multiplied.stdout.strip()


def conditions(variant: Variant, kernels: str) -> Hashable:
    """Returns all that distinguishes the tests of a variant on this machine."""
    cores = range(os.cpu_count() or 1) if variant.cores is None else variant.cores.split(",")
    others = {name: value for name, value in variant.variables.items() if name != CORETYPE}
    return variant.environment, kernels, frozenset(map(int, cores)), frozenset(others.items())


def python(version: str) -> str | None:
    """Finds an interpreter of a version, on the PATH or installed by pyenv."""
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for candidate in (sys.executable, shutil.which(f"python{version}"), *kept):
        if candidate is not None and version_of(candidate) == version:
            return str(candidate)
    return None


def version_of(interpreter: str | Path) -> str | None:
    """Returns an interpreter's version, such as 3.13, or None if it does not run."""
    asked = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"
    found = subprocess.run([interpreter, "-c", asked], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def prepare(variant: Variant, base: str, log: int) -> None:
    """Installs nnkit into the variant's environment, unless pyproject.toml is unchanged since.

    Raises:
        subprocess.CalledProcessError: the installation failed; `log` has the reason.
    """
    made_for = variant.environment / "pyproject.toml"
    if made_for.is_file() and made_for.read_bytes() == PYPROJECT.read_bytes():
        return
    shutil.rmtree(variant.environment, ignore_errors=True)
    subprocess.run([base, "-m", "venv", variant.environment], check=True, stdout=log, stderr=log)
    constraints = variant.environment / "constraints.txt"
    constraints.write_text("\n".join(lowest_versions() if variant.oldest else ()), "utf-8")
    editable = ["--constraint", str(constraints), "--editable", ".[dev]"]
    for arguments in (["--upgrade", "pip"], editable):
        command = [str(variant.interpreter), "-m", "pip", "install", "--quiet", *arguments]
        subprocess.run(command, cwd=ROOT, check=True, stdout=log, stderr=log)
    shutil.copyfile(PYPROJECT, made_for)


def lowest_versions() -> Iterable[str]:
    """Yields each library that nnkit uses as NAME==VERSION, with its lower bound."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    used = [
        *project["dependencies"],
        *(line for e in ("plot", "scipy") for line in extras[e]),
    ]
    for requirement in used:
        if bound := BOUND.match(requirement):
            yield f"{bound[1]}=={bound[2]}"


def pinned(cores: str | None) -> Sequence[str]:
    """Returns the prefix that restricts a command to certain processors."""
    if cores is None:
        return ()
    return ("taskset", "--cpu-list", cores)


if __name__ == "__main__":
    main()
