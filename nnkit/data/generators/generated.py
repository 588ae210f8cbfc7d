"""The base class of data sources that compute their samples."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from nnkit.config.spec import Count
from nnkit.data.sources.source import Source


class Generated(Source):
    """Samples that are computed from the settings, the same on every machine."""

    count: Count
    seed: int = Field(
        0, description="Seed of the samples, which do not depend on the seed of the config."
    )

    def is_single_set(self, place: Path) -> bool:
        return False  # a file is never what is computed
