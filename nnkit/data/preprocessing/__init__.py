"""Preprocessing, fitted on the training data only; to add a step, extend the union here."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.data.preprocessing.feature_scaling import MinMax, Rescale, Standardize
from nnkit.data.preprocessing.imputation import Impute
from nnkit.data.preprocessing.one_hot import OneHot

AnyStep = Annotated[Rescale | MinMax | Standardize | OneHot | Impute, Tagged()]
