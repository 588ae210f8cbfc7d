"""The base classes of data sources that compute their samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from nnkit.config.spec import Count
from nnkit.data.dataset import Samples
from nnkit.data.sources.source import Source
from nnkit.data.texts import text_array

TextPair = tuple[str, str]
SampleCount = Annotated[Count, Field(description="Samples, which `data.split` divides into sets.")]


class Generated(Source):
    """Samples that are computed from the settings, the same on every machine."""

    def is_single_set(self, place: Path) -> bool:
        return False  # a file is never what is computed


class RandomlyGenerated(Generated):
    """Samples that are drawn at random."""

    count: SampleCount
    seed: int = Field(
        0, description="Seed of the samples, which do not depend on the seed of the config."
    )


def paired_samples(pairs: Sequence[TextPair]) -> Samples:
    """Samples whose inputs and targets are texts, (n,) each."""
    inputs, targets = zip(*pairs, strict=True)
    return Samples(text_array(inputs), text_array(targets))
