"""Tests that targets over many orders of magnitude are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnkit.task.starters import starter_for
from nnkit.task.starters.table_options import TableOptions
from nnkit.task.starters.target_range import wide_range

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 1))
WIDE = 10 ** (1.5 * X)
OTHERS = {
    "house prices": np.exp(12 + 0.5 * X),
    "incomes, some of them 0": np.where(X > 0, WIDE, 0),
    "of either sign": WIDE - 1,
    "uniform from nearly 0": RNG.random((500, 1)),
    "squares": X**2 + 1e-6,
    "an outlier": np.where(X.max() == X, 1e9, 10 + X),
    "one output of two": np.hstack([WIDE, np.exp(X)]),
    "constant": np.ones((500, 1)),
}


@pytest.mark.parametrize("targets", OTHERS.values(), ids=OTHERS.keys())
def test_other_targets_are_not_named(targets: np.ndarray) -> None:
    assert wide_range(targets) is None


def test_whatever_the_unit() -> None:
    for unit in (1e-6, 1.0, 1e6):
        found = wide_range(np.hstack([WIDE, WIDE]) * unit)
        assert found is not None
        assert found.endswith("over 10 orders of magnitude")


def test_a_starter_names_the_alternative(tmp_path: Path) -> None:
    rows = (f"{x:.6f},{y:.6g}\n" for (x,), (y,) in zip(X, WIDE, strict=True))
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(rows))
    starter = starter_for(tmp_path / "t.csv", TableOptions(), tmp_path)
    (remark,) = (remark for remark in starter.remarks if "target: log" in remark)
    assert remark.startswith("label 'y' ranges from ")
    comment, setting, *_ = starter.text.partition("  target: standardize")
    assert "# label 'y' ranges from" in comment
    assert setting
