"""When kernels are compiled."""

from __future__ import annotations

from nnkit.compiled import WORTHWHILE, worthwhile


def test_a_small_model_does_not_wait_for_the_compiler() -> None:
    assert not worthwhile(WORTHWHILE - 1)
