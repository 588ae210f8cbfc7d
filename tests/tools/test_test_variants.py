"""Tests of the test variants, and of the lowest versions."""

from __future__ import annotations

import re
import tomllib

from tools.test_variants import HERE, PYPROJECT, VARIANTS, lowest_versions, python


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


def test_this_python_is_found() -> None:
    assert python(HERE) is not None
    assert python("2.0") is None
