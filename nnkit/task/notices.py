"""Notices about the sets of a task: classes that a set lacks, and sets too small to rely on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nnkit.data.dataset import Samples, class_counts
from nnkit.data.lazy import LazyArray
from nnkit.metrics.intervals import wilson_interval
from nnkit.text import some_names

FEWEST = {"validation": 10, "test": 30}  # samples of a set on which metrics say something
MOST_NAMES = 5  # classes named in a notice
CONSEQUENCES = {
    "train": "no training samples and cannot be learned",
    "test": "no test samples and cannot be evaluated",
}
EXAMPLE = 0.9  # accuracy for which the uncertainty of a small set is shown


def split_notices(
    sets: Mapping[str, Samples], classes: Sequence[str] | None, *, averaged: bool = False
) -> Iterator[str]:
    """Yields notices about absent classes and small sets.

    Args:
        sets: the sets, `train` among them.
        classes: the class names; None for real targets.
        averaged: whether test metrics are averaged over folds, so that each may be small.
    """
    if classes is not None:
        for name, consequence in CONSEQUENCES.items():
            if name in sets and not _on_disk(sets[name]):
                counts = class_counts(sets[name].targets, len(classes))
                if absent := [
                    name for name, count in zip(classes, counts, strict=True) if not count
                ]:
                    yield f"{_listed(absent)} {consequence}"
    for name, fewest in FEWEST.items():
        if name in sets and len(sets[name]) < fewest and not (averaged and name == "test"):
            yield _small(name, len(sets[name]), of_classes=classes is not None)


def _on_disk(samples: Samples) -> bool:
    """Whether counting the classes would read data that is larger than memory."""
    return isinstance(samples.targets, LazyArray) and samples.targets.on_disk


def _listed(classes: Sequence[str]) -> str:
    """The beginning of a sentence on some classes, naming up to five."""
    names = some_names([f"'{name}'" for name in classes], MOST_NAMES)
    return f"class {names} has" if len(classes) == 1 else f"classes {names} have"


def _small(name: str, samples: int, *, of_classes: bool) -> str:
    few = f"only {samples} {name} sample{'s' * (samples != 1)}"
    if not of_classes:
        return f"{few}, so {name} metrics are uncertain"
    right = round(EXAMPLE * samples)
    low, high = wilson_interval(right, samples)
    return (
        f"{few}: an accuracy of {100 * right / samples:.0f} % has a 95 % confidence interval from "
        f"{100 * low:.0f} to {100 * high:.0f} %"
    )
