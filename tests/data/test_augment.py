"""Augmentation: what it may change, and that it can be found again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.augment import AnyAugmentation, Augmentation, Flip, Shift
from nnkit.data.batches import Batches
from nnkit.data.dataset import Array
from nnkit.errors import SettingError
from nnkit.random import generator
from nnkit.training.config import config_from
from nnkit.training.session import build
from tests.nn.examples import examples, name

every = pytest.mark.parametrize("augmentation", examples(AnyAugmentation), ids=name)


def images(count: int = 50) -> Array:
    return generator(0, "images").random((count, 2, 5, 7))


def augmented(augmentation: Augmentation, X: Array, seed: int = 0) -> Array:
    changed = X.copy()
    augmentation.apply(changed, generator(seed, "augment"))
    return changed


@every
def test_changes_some_the_same_way_again(augmentation: Augmentation) -> None:
    X = images()
    changed = augmented(augmentation, X)
    assert changed.shape == X.shape
    assert (changed != X).any()
    np.testing.assert_array_equal(changed, augmented(augmentation, X))
    assert (changed != augmented(augmentation, X, seed=1)).any()


@given(st.integers(1, 9), st.integers(0, 5))
def test_a_shifted_image_is_the_image_elsewhere(pixels: int, seed: int) -> None:
    X = np.full((20, 1, 9, 9), -1.0)
    X[:, :, 4, 4] = np.arange(20)[:, None] + 1
    changed = augmented(Shift(pixels=pixels, fill=-1.0), X, seed)
    for i, image in enumerate(changed[:, 0]):
        marked = np.argwhere(image == i + 1)
        assert (image == -1).sum() == 81 - len(marked)
        assert len(marked) == 1 or pixels > 4
        assert (np.abs(marked - 4) <= pixels).all()


def test_a_flipped_image_is_mirrored() -> None:
    X = images()
    np.testing.assert_array_equal(augmented(Flip(rate=1.0), X), X[..., ::-1])


@every
def test_each_epoch_sees_others_and_any_batch_can_be_found_again(
    augmentation: Augmentation,
) -> None:
    X = images(40)
    batches = Batches(X, np.arange(40)[:, None], 8, seed=3, augment=(augmentation,))

    def seen(epoch: int, start: int = 0) -> list[bytes]:
        return [np.ascontiguousarray(batch.X).tobytes() for batch in batches.epoch(epoch, start)]

    assert seen(0) == seen(0)
    assert seen(0)[2:] == seen(0, start=2)
    assert not set(seen(0)) & set(seen(1))
    np.testing.assert_array_equal(X, images(40))


@every
def test_a_table_has_nothing_to_move(augmentation: Augmentation) -> None:
    with pytest.raises(SettingError, match="changes images") as caught:
        augmentation.check((4,), 2)
    assert caught.value.path == ("data", "augment", 2)


def test_it_is_for_training_alone() -> None:
    config = config_from(
        {
            "data": {
                "source": {"mnist": {}},
                "split": {"validation": 0.99},
                "preprocess": ["scale"],
                "augment": [{"shift": 2}],
            },
            "architecture": {"layers": ["flatten", {"dense": 10}]},
        }
    )
    session = build(config)
    assert session.loop.batches.augment
    plain = session.task.preprocessor(session.task.sets["validation"].inputs[:5], np.dtype("f4"))
    np.testing.assert_array_equal(session.ready["validation"].inputs[:5], plain)
