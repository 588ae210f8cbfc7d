"""Augmentation: random changes of training images, drawn anew each epoch, after preprocessing."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.data.augment.augmentation import Augmentation
from nnkit.data.augment.geometric import Elastic, Flip, Rotate, Scale, Shear, Shift
from nnkit.data.augment.pipeline import augment, check
from nnkit.data.augment.values import Brightness, Contrast, Erase, Noise

__all__ = ["AnyAugmentation", "Augmentation", "augment", "check"]

AnyAugmentation = Annotated[
    Shift | Flip | Rotate | Scale | Shear | Elastic | Noise | Brightness | Contrast | Erase,
    Tagged(),
]
