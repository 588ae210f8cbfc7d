"""Baselines: what is not a baseline, and baselines that were measured on other data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnkit.errors import DataError
from nnkit.experiments.baselines import baseline_of, read_baseline, seeds_on_other_data
from nnkit.experiments.gates import verdicts
from nnkit.experiments.groups import Group
from nnkit.task.gate import Gate
from tests.experiments.test_reports import group


@pytest.mark.parametrize(
    "content", [None, "", "[]", "{}", '{"cells": 3}', '{"cells": {"a": {"x": 1}}}']
)
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(
        DataError, match=r"baseline\.json: (the baseline cannot be read|not a baseline)"
    ):
        read_baseline(path)


@pytest.mark.parametrize(
    ("now", "others"),
    [
        (group("a", "b"), []),
        (group("a", "b", data="1"), []),  # other columns of the same rows
        (group("a", "c"), [1]),
        (group("c", "d", data="1"), [0, 1]),
    ],
)
def test_a_baseline_of_other_samples_holds_no_gate(
    now: Group, others: list[int], tmp_path: Path
) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(baseline_of([group("a", "b")])))
    assert seeds_on_other_data(path, now, "test.loss") == others
    (verdict,) = verdicts([now], {"test.loss": Gate(no_worse_than=str(path))})
    assert verdict.passed == (not others)
    assert ("was measured on other samples (seed " in verdict.message) == bool(others)


def test_a_baseline_without_fingerprints_holds_as_before(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"cells": baseline_of([group("a")])["cells"]}))
    (verdict,) = verdicts([group("c", data="1")], {"test.loss": Gate(no_worse_than=str(path))})
    assert verdict.passed
