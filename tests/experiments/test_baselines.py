"""Baselines: files that are none are refused, with the command that writes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnkit.errors import DataError
from nnkit.experiments.baselines import read_baseline


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
