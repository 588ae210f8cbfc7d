"""Checks of the axes of a batch file, each error with its position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nnkit.config.node import Mark, Node
from nnkit.config.validation import in_file_order
from nnkit.errors import Problem, SettingPath

SEED = "seed"

Fault = tuple[Mark, Problem]


def _fault(mark: Mark, path: SettingPath, message: str) -> Fault:
    return mark, Problem(str(mark), path, message)


def check_axes(document: Node) -> None:
    """Checks what pydantic cannot: axes given twice, unequal lengths, repeated values and seeds.

    Raises:
        ConfigError: everything that is wrong, with file, line and column.
    """
    if found := [*_axis_faults(document), *_length_faults(document), *_seed_faults(document)]:
        raise in_file_order(found)


def _axis_faults(document: Node) -> Iterator[Fault]:
    axes: dict[str, Mark] = {}
    for section in ("grid", "zip"):
        for key, values in children(document, section).items():
            if key == SEED:
                yield _fault(values.key, (section, key), "use seeds: for the seeds of each cell")
            if key in axes:
                message = f"this axis is already given at {axes[key]}"
                yield _fault(values.key, (section, key), message)
            axes[key] = values.key
            yield from _repeated(values, (section, key), "value")
    for name, variant in children(document, "variants").items():
        for key, value in variant.value.items():
            if key in axes:
                message = f"this setting is already an axis, at {axes[key]}"
                yield _fault(value.key, ("variants", name, key), message)


def _repeated(values: Node, path: SettingPath, what: str) -> Iterator[Fault]:
    first: dict[str, Mark] = {}
    for i, node in enumerate(values.value):
        shown = repr(node.plain())
        if shown in first:
            message = f"duplicate {what} {shown} (first at {first[shown]})"
            yield _fault(node.mark, (*path, i), message)
        first.setdefault(shown, node.mark)


def _length_faults(document: Node) -> Iterator[Fault]:
    lengths = {key: len(values.value) for key, values in children(document, "zip").items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} has {count}" for key, count in lengths.items())
        zipped = document.child("zip")
        assert zipped is not None
        yield _fault(zipped.key, ("zip",), f"all lists must have the same length; {told}")


def _seed_faults(document: Node) -> Iterator[Fault]:
    seeds = document.child("seeds")
    if seeds is None:
        return
    if isinstance(seeds.value, list):
        yield from _repeated(seeds, ("seeds",), "seed")
    elif seeds.value < 1:
        yield _fault(seeds.mark, ("seeds",), f"must be at least 1, got {seeds.value}")


def children(document: Node, section: str) -> Mapping[str, Node]:
    """The entries of a section of a batch file; none if it is left out."""
    node = document.child(section)
    return node.value if node is not None else {}
