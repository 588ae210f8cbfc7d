"""Tests of notices about the sets: classes without samples, and sets too small to rely on."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.data.dataset import Samples
from nnkit.metrics.intervals import wilson_interval
from nnkit.task.data_check import check_data
from nnkit.task.notices import split_notices
from nnkit.training.trainer import Trainer
from tests.training.configs import iris, trainer_for

CLASSES = tuple("abcdefgh")


def samples(*classes: int, times: int = 40) -> Samples:
    targets = np.array(classes * times)
    return Samples(targets, targets)


def notices(**sets: Samples) -> list[str]:
    return list(split_notices(sets, CLASSES))


def test_complete_and_large_sets_need_none() -> None:
    whole = samples(*range(8))
    assert notices(train=whole, validation=whole, test=whole) == []


def test_classes_without_samples_are_named() -> None:
    whole = samples(*range(8))
    assert notices(train=samples(*range(7)), test=whole) == [
        "class 'h' has no training samples and cannot be learned"
    ]
    assert notices(train=whole, test=samples(0, 7)) == [
        "classes 'b', 'c', 'd', 'e', 'f', … (6 in all) have no test samples and cannot be evaluated"
    ]
    assert notices(train=whole, validation=samples(0)) == []


def test_small_sets_are_uncertain() -> None:
    whole = samples(*range(8))
    low, high = (round(100 * bound) for bound in wilson_interval(18, 20))
    (notice,) = notices(train=whole, test=samples(*range(8), 0, 1, times=2))
    assert notice == (
        "only 20 test samples: an accuracy of 90 % has a 95 % confidence interval from "
        f"{low} to {high} %"
    )
    real = Samples(np.zeros((9, 1)), np.zeros((9, 1)))
    assert list(split_notices({"train": real, "validation": real}, None)) == [
        "only 9 validation samples, so validation metrics are uncertain"
    ]


@pytest.mark.parametrize("share", [0, 0.05])
def test_they_are_said_before_training_and_by_a_check_of_the_data(share: float) -> None:
    config = iris(data={"split": {"validation": share, "test": 0.1}})
    found = [text.partition(":")[0] for text in check_data(config)["notices"]]
    assert found == ["only 8 validation samples"] * (share > 0) + ["only 15 test samples"]
    trainer: Trainer = trainer_for(config)
    assert trainer.notices == check_data(config)["notices"]
