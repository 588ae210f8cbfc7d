"""Tests of prepared sets: how much of one is evaluated at a time."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.data.ragged import Ragged
from nnkit.task.prepared_set import MOST_OUTPUTS, MOST_TOKENS, PreparedSet
from nnkit.task.targets import SequenceTargets


@pytest.mark.parametrize("vocabulary", [3, 50_000])
def test_parts_of_sequences_are_limited_by_what_is_computed_for_them(vocabulary: int) -> None:
    rng = np.random.default_rng(0)
    sources = Ragged.joined([np.zeros(n, np.int32) for n in rng.integers(1, 60, 3000)])
    written = Ragged.joined([np.zeros(n, np.int32) for n in rng.integers(1, 90, 3000)])
    targets = SequenceTargets(written, tuple(map(str, range(vocabulary))))
    parts = list(PreparedSet(sources, targets, None).parts(1000))
    assert [i for part in parts for i in range(3000)[part]] == list(range(3000))
    for part in parts:
        count = part.stop - part.start
        symbols = count * max(sources.lengths[part].max(), written.lengths[part].max())
        assert count <= 1000
        assert symbols <= MOST_TOKENS
        assert symbols * vocabulary <= MOST_OUTPUTS
