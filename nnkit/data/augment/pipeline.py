"""Applies augmentations in sequence, with a single interpolation for those that move pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.data.augment.augmentation import Augmentation, Uninterpolated
from nnkit.data.augment.geometric import Filled, Movement
from nnkit.data.augment.resample import Fill, Warp, resample
from nnkit.data.dataset import Array

AT_ONCE = 1 << 17  # pixels processed at a time, so that intermediate results stay in the cache


def augment(
    X: Array,
    augmentations: Sequence[Augmentation],
    draws: Sequence[np.random.Generator],
    *,
    own: slice = slice(None),
) -> None:
    """Augments images (N, C, H, W) in place.

    Consecutive movements with the same `fill` are combined and interpolated once, because every
    interpolation blurs.

    Args:
        X: the images.
        augmentations: the augmentations in order.
        draws: a random generator for each augmentation.
        own: the images that are needed. All draws are made, so that they get the same as if all
            images were, but others are not interpolated.
    """
    groups = together(augmentations)
    rows = max(1, AT_ONCE // (X.shape[2] * X.shape[3]))
    first, last, _ = own.indices(len(X))
    for start in range(0, last, rows):
        images, rest = X[start : start + rows], iter(draws)
        needed = slice(max(first - start, 0), max(last - start, 0))
        for group in groups:
            own_draws = [next(rest) for _ in group]
            direct = [a for a in group if isinstance(a, Uninterpolated)]
            if len(direct) == len(group):
                for augmentation, rng in zip(direct, own_draws, strict=True):
                    augmentation.apply(images, rng)
            else:
                movements = [a for a in group if isinstance(a, Movement)]
                _move(images, movements, own_draws, needed)


def check(augmentations: Sequence[Augmentation], shape: tuple[int, ...]) -> None:
    """Checks that samples of a shape can be augmented.

    Raises:
        SettingError: an augmentation cannot be applied to them.
    """
    for i, augmentation in enumerate(augmentations):
        augmentation.check(shape, i)


def _move(
    X: Array,
    movements: Sequence[Movement],
    draws: Sequence[np.random.Generator],
    needed: slice,
) -> None:
    warp = Warp(len(X))
    for movement, rng in zip(movements, draws, strict=True):
        movement.bend(warp, X.shape, X.dtype, rng)
    (fill,) = _fills(movements)  # every movement that needs interpolation has a fill
    if len(X[needed]):
        resample(X[needed], warp.of(needed), fill)


def together(augmentations: Sequence[Augmentation]) -> list[list[Augmentation]]:
    """Groups augmentations: consecutive movements of equal fill together, others alone."""
    groups: list[list[Augmentation]] = []
    for augmentation in augmentations:
        last = groups[-1] if groups else []
        joined = [*last, augmentation]
        if last and all(isinstance(a, Movement) for a in joined) and len(_fills(joined)) <= 1:
            last.append(augmentation)
        else:
            groups.append([augmentation])
    return groups


def _fills(augmentations: Sequence[Augmentation]) -> set[Fill]:
    return {a.fill for a in augmentations if isinstance(a, Filled)}
