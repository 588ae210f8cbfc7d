"""Comparability of the results of runs: the same data, targets and, of losses, the same loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from nnkit.runs.differences import DATA, differences

Item = TypeVar("Item")

HELD_OUT_SETS = "held_out_sha256"  # in a summary: fingerprints of the samples held out, by set
LOSSES = ("loss", "objective")
PENALTIES = ("l1", "l2", "elastic_net")
# Metrics that depend on what a symbol is.
PER_SYMBOL = (*LOSSES, "perplexity", "bits_per_symbol", "token_accuracy")
SAME_SAMPLES = "give all runs the same data.split, with a seed"


@dataclass(frozen=True, slots=True)
class Measurement:
    """The measurement of a final metric: its data, and the settings on which its meaning depends.

    Attributes:
        data: the fingerprint of the run's data; "" if it is not known.
        source: the source of the data, with its settings.
        samples: the fingerprint of the samples that were evaluated; "" if they were not held out,
            or by a version of nnkit that did not record it.
        settings: the settings on which the meaning of the metric depends.
    """

    data: str
    source: Mapping[str, Any]
    samples: str
    settings: Mapping[str, Any]

    @property
    def keys(self) -> frozenset[Hashable]:
        """Keys of which two measurements share one if their values can be compared.

        One stands for the data. The other stands for the samples evaluated and their targets, which
        are the same if only other columns of a table are read.
        """
        settings = json.dumps(self.settings, sort_keys=True)
        keys: set[Hashable] = {(self.data, settings)}
        place = self.source.get("path")
        if self.samples and place and self.settings["data"]["targets"] == "labels":
            keys.add((self.samples, place, settings))
        return frozenset(keys)

    def differences(self, other: Measurement) -> dict[str, Any]:
        """The data and the settings in which another measurement differs, by dotted path."""
        pair = [
            {**one.settings, DATA: one.data, "data": {**one.settings["data"], "source": one.source}}
            for one in (self, other)
        ]
        return differences(pair)[1]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A run whose final metrics are compared.

    Attributes:
        identity: its config and the fingerprint of its data, as `differences.identity` has them.
        summary: its summary; empty if it is not finished.
    """

    identity: Mapping[str, Any]
    summary: Mapping[str, Any]

    def measures(self, metric: str) -> Measurement:
        """The measurement of a metric such as `test.accuracy`."""
        split, _, figure = metric.partition(".")
        known = self.identity
        return Measurement(
            known.get(DATA, ""),
            known.get("data", {}).get("source", {}),
            self.summary.get(HELD_OUT_SETS, {}).get(split, ""),
            _settings(known, figure),
        )


def _settings(known: Mapping[str, Any], figure: str) -> dict[str, Any]:
    """The settings of a run on which the meaning of a metric depends."""
    data, architecture = known.get("data", {}), known.get("architecture", {})
    names = ["targets"]
    if figure in LOSSES:
        names.append("target")
    if figure in PER_SYMBOL and data.get("targets") == "next":
        names += ["text", "windows"]
    if figure in PER_SYMBOL and architecture.get("decoder"):
        names += ["text", "target_text"]
    settings: dict[str, Any] = {"data": {name: data.get(name) for name in names}}
    if figure in LOSSES:
        settings["loss"] = known.get("loss")
    if figure == "objective":
        penalties = known.get("regularization", {})
        settings["regularization"] = {name: penalties.get(name) for name in PENALTIES}
    return settings


def comparable(
    items: Iterable[Item], keys: Callable[[Item], frozenset[Hashable]]
) -> list[list[Item]]:
    """Divides items into groups that can be compared, in the order of their last members.

    Args:
        items: the items.
        keys: the keys of an item, of which it shares one with another in its group.
    """
    groups: list[tuple[frozenset[Hashable], list[Item]]] = []
    for item in items:
        own = keys(item)
        joined = [group for group in groups if group[0] & own]
        groups = [group for group in groups if not group[0] & own]
        together = [member for _, members in joined for member in members]
        groups.append((own.union(*(known for known, _ in joined)), [*together, item]))
    return [members for _, members in groups]


def other_samples(measurements: Iterable[Measurement]) -> Iterator[bool]:
    """Yields for each measurement whether it is known to be on other samples than the first."""
    first = ""
    for one in measurements:
        first = first or one.samples
        yield one.samples not in ("", first)
