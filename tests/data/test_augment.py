"""Tests of augmentation: its effects, and its reproducibility."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from nnkit.config.spec import members
from nnkit.data.augment import AnyAugmentation, Augmentation, augment
from nnkit.data.augment.augmentation import Uninterpolated
from nnkit.data.augment.geometric import (
    Affine,
    Elastic,
    Flip,
    Movement,
    Rotate,
    Scale,
    Shear,
    Shift,
    gaussian,
)
from nnkit.data.augment.pipeline import AT_ONCE, together
from nnkit.data.augment.resample import Warp, resample
from nnkit.data.augment.values import Brightness, Contrast, Erase, Noise
from nnkit.data.batches import Batches
from nnkit.data.dataset import Array
from nnkit.errors import ConfigError, SettingError
from nnkit.random import generator
from tests.nn.examples import examples, name
from tests.training.configs import batches_of, pictures, trainer_for

every = pytest.mark.parametrize("augmentation", examples(AnyAugmentation), ids=name)
MOVEMENTS: list[Any] = [a for a in examples(AnyAugmentation) if isinstance(a, Movement)]
each_movement = pytest.mark.parametrize("movement", MOVEMENTS, ids=name)
INTERPOLATED = [a for a in MOVEMENTS if not isinstance(a, Uninterpolated)]

# SciPy's name of each fill mode.
BEYOND: dict[Any, dict[str, Any]] = {
    "edge": {"mode": "nearest"},
    -1.5: {"mode": "grid-constant", "cval": -1.5},
}


def images(count: int = 50, shape: tuple[int, ...] = (2, 5, 7), dtype: str = "float64") -> Array:
    return generator(0, "images").random((count, *shape)).astype(dtype)


def augmented(
    augmentations: Augmentation | Sequence[Augmentation], X: Array, seed: int = 0
) -> Array:
    chosen = [augmentations] if isinstance(augmentations, Augmentation) else augmentations
    changed = X.copy()
    draws = [generator(seed, f"augment/{i}") for i in range(len(chosen))]
    augment(changed, chosen, draws)
    return changed


def warp_of(augmentations: Sequence[Augmentation], X: Array, seed: int = 0) -> Warp:
    """Composes movements into a warp, with the same random numbers as `augmented`."""
    warp = Warp(len(X))
    for i, movement in enumerate(augmentations):
        assert isinstance(movement, Movement)
        movement.bend(warp, X.shape, X.dtype, generator(seed, f"augment/{i}"))
    return warp


def by_scipy(X: Array, warp: Warp, fill: Any) -> Array:
    """Interpolates at the positions of a warp with SciPy."""
    result = np.empty_like(X)
    pixels = np.indices(X.shape[2:]).astype(float)
    centre = (np.array(X.shape[2:]).reshape(2, 1, 1) - 1) / 2
    for n in range(len(X)):
        places = np.tensordot(warp.linear[n], pixels - centre, 1) + centre
        places += warp.offset[n][:, None, None]
        if warp.displacement is not None:
            places += warp.displacement[:, n]
        for c in range(X.shape[1]):
            result[n, c] = ndimage.map_coordinates(X[n, c], places, order=1, **BEYOND[fill])
    return result


@every
def test_changes_some_the_same_way_again(augmentation: Augmentation) -> None:
    X = images()
    changed = augmented(augmentation, X)
    assert changed.shape == X.shape
    assert (changed != X).any()
    np.testing.assert_array_equal(changed, augmented(augmentation, X))
    assert (changed != augmented(augmentation, X, seed=1)).any()


@every
def test_a_rate_leaves_the_others_to_the_bit(augmentation: Augmentation) -> None:
    X = images(4000)
    rare = augmentation.model_copy(update={"rate": 0.2})
    changed = (augmented(rare, X) != X).any(axis=(1, 2, 3)).mean()
    always = (augmented(augmentation.model_copy(update={"rate": 1.0}), X) != X).any(axis=(1, 2, 3))
    assert changed == pytest.approx(0.2 * always.mean(), abs=0.03)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_stay_finite_and_of_their_type(augmentation: Augmentation, dtype: str) -> None:
    changed = augmented(augmentation, images(dtype=dtype))
    assert changed.dtype == dtype
    assert np.isfinite(changed).all()


# Movements


@pytest.mark.parametrize("fill", BEYOND)
@each_movement
def test_a_movement_is_what_scipy_interpolates_there(movement: Movement, fill: Any) -> None:
    X = images(20, (2, 9, 12))
    filled = movement.model_copy(update={"fill": fill})
    expected = by_scipy(X, warp_of([filled], X), fill)
    np.testing.assert_allclose(augmented(filled, X), expected, atol=1e-12)


@pytest.mark.parametrize("fill", BEYOND)
def test_movements_in_a_row_are_interpolated_once(fill: Any) -> None:
    X = images(20, (2, 9, 12))
    row = [a.model_copy(update={"fill": fill}) for a in MOVEMENTS]
    assert len(together(row)) == 1
    expected = by_scipy(X, warp_of(row, X), fill)
    np.testing.assert_allclose(augmented(row, X), expected, atol=1e-12)


def test_affine_movements_follow_each_other_in_order() -> None:
    row = [a for a in MOVEMENTS if isinstance(a, Affine)]
    X, pixel = images(20), np.array([1.0, -2.0])
    warp = warp_of(row, X)
    sources = [a.source(len(X), generator(0, f"augment/{i}")) for i, a in enumerate(row)]
    for n in range(len(X)):
        place = pixel
        for linear, offset in reversed(
            sources
        ):  # each movement takes its pixels from the one before
            place = linear[n] @ place + offset[n]
        np.testing.assert_allclose(warp.linear[n] @ pixel + warp.offset[n], place)


def test_displacements_add_up() -> None:
    X = images(5)
    once, twice = warp_of([Elastic()], X), warp_of([Elastic(), Elastic()], X)
    other = Warp(len(X))
    Elastic().bend(other, X.shape, X.dtype, generator(0, "augment/1"))
    assert once.displacement is not None
    assert other.displacement is not None
    assert twice.displacement is not None
    np.testing.assert_array_equal(twice.displacement, once.displacement + other.displacement)


def test_another_fill_or_kind_separates_movements() -> None:
    a, b, c = Rotate(), Rotate(fill=0.0), Noise()
    flip = Flip()
    assert together([a, flip, a, b, flip, c, c, a]) == [[a, flip, a], [b, flip], [c], [c], [a]]


@given(st.integers(0, 5), st.sampled_from([(1, 1, 1), (1, 1, 6), (2, 3, 2)]))
def test_images_of_any_size_are_moved(seed: int, shape: tuple[int, ...]) -> None:
    X = images(5, shape)
    moved = augmented(INTERPOLATED, X, seed)
    assert (moved >= X.min() - 1e-12).all()
    assert (moved <= X.max() + 1e-12).all()


def test_more_images_than_are_moved_at_a_time() -> None:
    X = images(2 * AT_ONCE // (40 * 40) + 5, (1, 40, 40), "float32")
    moved = augmented(INTERPOLATED, X)
    assert (moved != X).any(axis=(1, 2, 3)).all()
    first = len(X) // 3
    np.testing.assert_array_equal(moved[:first], augmented(INTERPOLATED, X)[:first])


def test_no_movement_leaves_every_bit() -> None:
    X = images(shape=(2, 6, 9), dtype="float32")
    for fill in BEYOND:
        still = X.copy()
        resample(still, Warp(len(X)), fill)
        assert still.tobytes() == X.tobytes()


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


def test_whole_pixels_are_moved_the_same_with_others_or_alone() -> None:
    X = images(dtype="float32")
    for fill in BEYOND:
        row = [Shift(pixels=3, fill=fill), Flip()]
        interpolated = X.copy()
        resample(interpolated, warp_of(row, X), fill)
        if fill == "edge":  # alone, pixels that left the image do not return
            np.testing.assert_array_equal(augmented(row, X), interpolated)
        inside = augmented(row, X) != fill
        np.testing.assert_array_equal(augmented(row, X)[inside], interpolated[inside])


def test_a_flipped_image_is_mirrored() -> None:
    X = images()
    np.testing.assert_array_equal(augmented(Flip(rate=1.0), X), X[..., ::-1])


def test_an_image_is_turned_as_far_as_it_says() -> None:
    linear, offset = Rotate(degrees=30.0).source(2000, generator(0, "angles"))
    angles = np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    np.testing.assert_allclose(np.linalg.det(linear), 1)
    assert not offset.any()
    assert -30 <= angles.min() < -29
    assert 29 < angles.max() <= 30


def test_a_quarter_turn_is_that_of_numpy() -> None:
    X, warp = images(shape=(2, 6, 6)), Warp(50)
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    warp.then_affine(np.tile(quarter, (50, 1, 1)), np.zeros((50, 2)))
    expected = np.rot90(X, -1, axes=(2, 3))
    turned = X.copy()
    resample(turned, warp, 0.0)
    assert np.allclose(turned, expected) or np.allclose(turned, np.rot90(X, 1, axes=(2, 3)))


@pytest.mark.parametrize("proportional", [True, False])
def test_an_image_is_enlarged_as_far_as_it_says(proportional: bool) -> None:
    scale = Scale(factor=(0.5, 2.0), proportional=proportional)
    linear, _ = scale.source(2000, generator(0, "factors"))
    factors = 1 / np.diagonal(linear, axis1=1, axis2=2)
    assert 0.5 <= factors.min() < 0.51
    assert 1.98 < factors.max() <= 2
    assert np.log(factors).mean() == pytest.approx(0, abs=0.05)
    assert (factors[:, 0] == factors[:, 1]).all() == proportional


def test_a_slanted_image_keeps_its_rows() -> None:
    X = np.tile(np.arange(9.0)[:, None], (20, 1, 1, 9))  # each row has one value
    np.testing.assert_allclose(augmented(Shear(degrees=40.0), X), X)
    linear, _ = Shear(degrees=40.0).source(2000, generator(0, "slants"))
    assert np.degrees(np.arctan(linear[:, 1, 0])).max() == pytest.approx(40, abs=0.5)


@pytest.mark.parametrize(("size", "sigma"), [(28, 4.0), (9, 4.0), (12, 0.7), (1, 2.0)])
def test_fields_are_smoothed_as_scipy_does(size: int, sigma: float) -> None:
    field = generator(0, "field").random((size, size + 3))
    smoothed = gaussian(size, sigma, field.dtype) @ field @ gaussian(size + 3, sigma, field.dtype)
    expected = ndimage.gaussian_filter(field, sigma, mode="constant", cval=0.0)
    np.testing.assert_allclose(smoothed, expected, atol=1e-12)


def test_a_distortion_is_as_strong_as_it_says() -> None:
    X = np.zeros((200, 1, 40, 40), np.float32)
    d = warp_of([Elastic(alpha=20.0, sigma=3.0)], X).displacement
    assert d is not None
    inner = d[:, :, 12:-12, 12:-12]
    assert inner.std() == pytest.approx(0.163 * 20 / 3, rel=0.05)
    assert inner.mean() == pytest.approx(0, abs=0.05)


# Values


def test_noise_has_the_deviation_that_it_says() -> None:
    noise = augmented(Noise(std=0.3), np.zeros((100, 1, 28, 28), np.float32))
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(0.3, rel=0.01)


def test_brightness_is_one_number_an_image() -> None:
    X = images(2000)
    added = augmented(Brightness(by=0.4), X) - X
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1, :1, :1], X.shape), atol=1e-12)
    assert -0.4 <= added.min() < -0.39
    assert 0.39 < added.max() <= 0.4


def test_contrast_keeps_the_mean_of_each_channel() -> None:
    X = images(2000)
    changed = augmented(Contrast(factor=(0.5, 2.0)), X)
    np.testing.assert_allclose(changed.mean(axis=(2, 3)), X.mean(axis=(2, 3)))
    factors = changed.std(axis=(1, 2, 3)) / X.std(axis=(1, 2, 3))
    assert 0.45 <= factors.min() < 0.55
    assert 1.9 < factors.max() <= 2.1


@given(st.integers(0, 20), st.sampled_from([(1, 28, 28), (3, 7, 12), (1, 1, 5)]))
def test_what_is_erased_is_a_rectangle_of_the_size_asked_for(
    seed: int, shape: tuple[int, ...]
) -> None:
    X = images(30, shape)
    erased = augmented(Erase(rate=1.0, fill=-1.0), X, seed) == -1
    for covered in erased:
        channel = covered[0]
        assert (covered == channel).all()
        rows, columns = np.flatnonzero(channel.any(axis=1)), np.flatnonzero(channel.any(axis=0))
        assert channel[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert channel.sum() == len(rows) * len(columns)
        # Lengths are rounded to whole pixels.
        assert (len(rows) - 0.5) * (len(columns) - 0.5) <= 0.4 * channel.size


def test_erasing_puts_noise_of_the_image_there() -> None:
    X = images(200, (1, 20, 20)) * np.arange(1, 201)[:, None, None, None]
    changed = augmented(Erase(rate=1.0), X)
    low, high = X.min(axis=(1, 2, 3)), X.max(axis=(1, 2, 3))
    assert (changed.min(axis=(1, 2, 3)) >= low).all()
    assert (changed.max(axis=(1, 2, 3)) <= high).all()
    shares = (changed != X).mean(axis=(1, 2, 3))
    assert shares.min() < 0.05
    assert 0.3 < shares.max() < 0.45


# Within training


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


def test_targets_go_with_their_images() -> None:
    X = np.broadcast_to(np.arange(40.0)[:, None, None, None], (40, 1, 5, 5))
    every_movement = tuple(MOVEMENTS)
    batches = Batches(X, np.arange(40)[:, None], 8, seed=3, augment=every_movement)
    for batch in batches.epoch(0):
        np.testing.assert_allclose(batch.X, np.broadcast_to(batch.T[0], batch.X.shape))


@every
def test_a_table_has_nothing_to_move(augmentation: Augmentation) -> None:
    with pytest.raises(SettingError, match="changes images") as caught:
        augmentation.check((4,), 2)
    assert caught.value.path == ("data", "augment", 2)


def test_no_image_is_moved_out_of_view() -> None:
    Shift(pixels=27).check((1, 28, 30), 0)
    with pytest.raises(SettingError, match="out of view") as caught:
        Shift(pixels=28).check((1, 28, 30), 0)
    assert caught.value.path == ("data", "augment", 0, "pixels")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("rotate", {"degrees": 400.0}),
        ("shear", {"degrees": 90.0}),
        ("elastic", {"alpha": 1e300}),
        ("elastic", {"sigma": 1e9}),
        ("scale", {"factor": (1e-300, 1.0)}),
        ("scale", {"factor": (1.1, 0.9)}),
        ("contrast", {"factor": (0.0, 1.0)}),
        ("erase", {"area": (0.1, 1.5)}),
        ("noise", {"rate": 0.0}),
        ("shift", {"fill": "edges"}),
    ],
)
def test_invalid_settings_are_refused(kind: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        members(AnyAugmentation)[kind].model_validate({"kind": kind, **settings})


def test_it_is_for_training_alone(tmp_path: Path) -> None:
    every_one = [a.model_dump(mode="json") for a in examples(AnyAugmentation)]
    trainer, plain = (
        trainer_for(pictures(tmp_path, data={"augment": row})) for row in (every_one, [])
    )
    assert batches_of(trainer).augment
    for split, prepared in trainer.sets.items():
        np.testing.assert_array_equal(prepared.inputs, plain.sets[split].inputs)
    assert trainer.loop.evaluate() == plain.loop.evaluate()


def test_a_reversed_range_is_rejected_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.augment\.0\.scale: the smaller bound"):
        pictures(tmp_path, data={"augment": [{"scale": [1.2, 0.9]}]})
