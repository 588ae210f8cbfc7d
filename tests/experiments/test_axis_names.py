"""Tests of the short names of a batch's axes."""

from __future__ import annotations

from nnkit.experiments.axis_names import short_keys, shown_axes


def test_keys_are_as_short_as_they_can_be() -> None:
    axes = {"optimizer.lr": 0.1, "a.units": 4, "b.units": 5, "variant": "x"}
    assert list(short_keys(axes)) == ["lr", "a.units", "b.units", "variant"]
    assert shown_axes({"variant": "x", "optimizer.lr": 0.1}) == "x lr=0.1"
