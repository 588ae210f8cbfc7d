"""Tests of the test variants, and of the lowest versions."""

from __future__ import annotations

import os
import re
import tomllib

from tools.test_variants import (
    HERE,
    PYPROJECT,
    VARIANTS,
    Variant,
    conditions,
    lowest_versions,
    on_kernels,
    python,
)


def test_the_oldest_versions_are_the_bounds_of_all_that_nnkit_imports() -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    found = set(lowest_versions())
    assert len(found) == len(project["dependencies"]) + 2  # plus the two extras
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in found)
    assert all(line.replace(">=", "==").split(",")[0] in found for line in project["dependencies"])


def test_every_supported_python_has_a_variant() -> None:
    classifiers = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["classifiers"]
    supported = {c.rpartition(" ")[2] for c in classifiers if re.search(r":: 3\.\d+$", c)}
    assert {variant.python for variant in VARIANTS} == supported


def test_names_and_environments_tell_variants_apart() -> None:
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
    made = {(v.python, v.oldest): v.environment for v in VARIANTS}
    assert len(set(made.values())) == len(made)


def test_variants_that_differ_in_name_alone_are_recognized() -> None:
    numpy, haswell = Variant("numpy", variables={"NNKIT_NATIVE": "0"}), on_kernels("Haswell")
    assert conditions(numpy, "Haswell") == conditions(haswell, "Haswell")
    assert conditions(numpy, "SkylakeX") != conditions(haswell, "Haswell")
    every_core = ",".join(map(str, range(os.cpu_count() or 1)))
    assert conditions(Variant("pinned", cores=every_core), "") == conditions(Variant("all"), "")
    others = [Variant("native"), numpy, Variant("far", cores="1000"), Variant("old", oldest=True)]
    assert len({conditions(variant, "Haswell") for variant in others}) == len(others)


def test_this_python_is_found() -> None:
    assert python(HERE) is not None
    assert python("2.0") is None
