"""A batch file: a base config, and the settings that vary from cell to cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from nnkit.config.file_kinds import check_is_batch
from nnkit.config.load import override
from nnkit.config.node import Mark, Node, error_at
from nnkit.config.spec import FilePath, Listed, Spec
from nnkit.config.validation import located, merged, validate
from nnkit.config.yaml import read_yaml
from nnkit.errors import ConfigError, Problem, SettingError
from nnkit.experiments.axis_checks import SEED, check_axes, children
from nnkit.experiments.axis_names import shown_axes
from nnkit.task.config import Config
from nnkit.task.config_loading import config_document, config_in
from nnkit.task.gate import Gates, impossible_bounds, seeds_needed

MOST_CELLS = 100_000

Overrides = Mapping[str, Any]


class BatchFile(Spec):
    """Many trainings: every combination of a config with the values of its axes."""

    base: FilePath | None = Field(None, description="The config that all cells start from.")
    configs: FilePath | None = Field(
        None, description="Several configs instead of `base`: a pattern such as models/*.yaml."
    )
    variants: dict[str, Overrides] = Field(
        default_factory=dict,
        description="Named sets of overrides, such as small: {architecture.layers.0.units: 8}.",
    )
    grid: dict[str, Annotated[tuple[Any, ...], Listed, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Values by setting, such as optimizer.lr: [0.1, 0.01]; all combinations.",
    )
    zip: dict[str, Annotated[tuple[Any, ...], Listed, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Lists of one length by setting; their first values go together, and so on.",
    )
    exclude: Annotated[tuple[Overrides, ...], Listed] = Field(
        (), description="Combinations to leave out: every cell with all values of an entry."
    )
    include: Annotated[tuple[Overrides, ...], Listed] = Field(
        (), description="Further cells, each given by its overrides of the base."
    )
    seeds: int | Annotated[tuple[int, ...], Listed, Field(min_length=1)] | None = Field(
        None,
        description="Seeds of each cell: a list, or how many, counted from the config's own; "
        "default: as many as the gates need.",
    )
    expect: Gates = Field(
        default_factory=dict,
        description="Gates on the final metrics of every cell, as in a config.",
    )

    @model_validator(mode="after")
    def _has_a_base(self) -> Self:
        if (self.base is None) == (self.configs is None):
            raise ValueError("set base or configs, one of them")
        return self


@dataclass(frozen=True, slots=True)
class Override:
    """A setting of a cell, with the place where the batch file gives its value.

    Attributes:
        key: the setting, such as `optimizer.lr`.
        value: its value.
        mark: the position of the key.
    """

    key: str
    value: Node
    mark: Mark


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of a batch.

    Attributes:
        config: its config.
        axes: what tells it from other cells apart from its seed, by setting, `variant` or
            `config`, as plain data.
    """

    config: Config
    axes: Mapping[str, Any]

    @property
    def group(self) -> str:
        """The values by axis as JSON, which cells with other seeds have in common."""
        return json.dumps(self.axes, sort_keys=True, default=str)

    @property
    def group_name(self) -> str:
        """The values on one line, or the config's name if there are none."""
        return shown_axes(self.axes) or self.config.name

    @property
    def name(self) -> str:
        """The values and the seed on one line."""
        return f"{self.group_name} seed={self.seed}"

    @property
    def seed(self) -> int:
        """The seed of its random draws."""
        return self.config.seed


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """The cells of a batch file.

    Attributes:
        path: the batch file.
        spec: its content.
        cells: in the order in which they run; seeds vary fastest.
        document: the file as it was read, with positions.
    """

    path: Path
    spec: BatchFile
    cells: tuple[Cell, ...]
    document: Node

    def error_at(self, errors: Sequence[SettingError]) -> ConfigError:
        """Errors about settings of the batch file as one error, with their positions."""
        return located(BatchFile, self.document, errors)


def load_batch(path: str | Path) -> LoadedBatch:
    """Reads a batch file and checks the config of each of its cells.

    Raises:
        ConfigError: everything that is wrong, with file, line and column.
    """
    document = read_yaml(path)
    check_is_batch(document)
    spec = validate(BatchFile, document)
    check_axes(document)
    cells: list[Cell] = []
    problems: list[Problem] = []
    for axes, base, overrides in _combinations(Path(path), document):
        try:
            cells += _over_seeds(document, spec, axes, base, overrides)
        except ConfigError as error:
            problems += error.problems
        if len(cells) > MOST_CELLS:
            raise error_at(document.mark, f"more than {MOST_CELLS:,} cells")
    batch = LoadedBatch(Path(path), spec, tuple(cells), document)
    if impossible := list(impossible_bounds(spec.expect)):
        problems += batch.error_at(impossible).problems
    if problems:
        raise merged(problems)
    if not cells:
        raise error_at(document.mark, "no cell is left; exclude fewer")
    return batch


def _combinations(
    path: Path, document: Node
) -> Iterator[tuple[dict[str, Any], Node, list[Override]]]:
    """For each combination its values by axis, its base document and its overrides."""
    bases = list(_bases(path, document))
    variants = [
        (name, [Override(key, value, value.key) for key, value in node.value.items()])
        for name, node in children(document, "variants").items()
    ] or [("", [])]
    rows = _rows(document)
    grid = [
        [Override(key, value, values.key) for value in values.value]
        for key, values in children(document, "grid").items()
    ]
    excluded = _listed(document, "exclude")
    for (base_name, base), (variant, own), row, point in product(
        bases, variants, rows, product(*grid)
    ):
        varied = [*row, *point]
        plain = {o.key: o.value.plain() for o in [*own, *varied]}
        if any(_matches(plain, entry) for entry in excluded):
            continue
        axes = {
            **({"config": base_name} if len(bases) > 1 else {}),
            **({"variant": variant} if variant else {}),
            **{o.key: o.value.plain() for o in varied},
        }
        yield axes, base, [*own, *varied]
    for entry in _listed(document, "include"):
        for base_name, base in bases:
            axes = {
                **({"config": base_name} if len(bases) > 1 else {}),
                **{override.key: override.value.plain() for override in entry},
            }
            yield axes, base, entry


def _rows(document: Node) -> list[list[Override]]:
    """The rows of `zip`: the overrides that go together."""
    zipped = children(document, "zip")
    columns = [
        [Override(key, v, values.key) for v in values.value] for key, values in zipped.items()
    ]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[]]


def _matches(plain: Mapping[str, Any], entry: Sequence[Override]) -> bool:
    return all(o.key in plain and plain[o.key] == o.value.plain() for o in entry)


def _listed(document: Node, section: str) -> list[list[Override]]:
    node = document.child(section)
    return [
        [Override(key, value, value.key) for key, value in entry.value.items()]
        for entry in (node.value if node is not None else [])
    ]


def _bases(path: Path, document: Node) -> Iterator[tuple[str, Node]]:
    """The name and document of each base config."""
    base, pattern = document.child("base"), document.child("configs")
    if base is not None:
        file = path.parent / base.value
        if not file.is_file():
            raise error_at(base.mark, f"no such file: {file}", ("base",))
        yield file.stem, config_document(file)
        return
    assert pattern is not None
    files = sorted(path.parent.glob(pattern.value))
    files = [file for file in files if file.resolve() != path.resolve()]
    if not files:
        raise error_at(pattern.mark, f"no file matches {path.parent / pattern.value}", ("configs",))
    for file in files:
        yield file.stem, config_document(file)


def _over_seeds(
    document: Node,
    spec: BatchFile,
    axes: Mapping[str, Any],
    base: Node,
    overrides: Sequence[Override],
) -> list[Cell]:
    """A cell for each seed; without `seeds`, for as many as the gates need.

    Raises:
        ConfigError: the cell's config is invalid, or a gate needs more seeds.
    """
    seeds = document.child("seeds")
    first = _config(base, overrides)
    needed = seeds_needed(spec.expect, first.expect)
    if seeds is None:
        numbers = [Node(first.seed + i, document.mark, document.mark) for i in range(needed)]
    elif isinstance(seeds.value, list):
        numbers = seeds.value
    else:
        numbers = [replace(seeds, value=first.seed + i) for i in range(seeds.value)]
    if len(numbers) < needed:
        assert seeds is not None
        message = f"a gate under expect: needs {needed} seeds, but this gives {len(numbers)}"
        raise error_at(seeds.mark, message, ("seeds",))
    origin = document.mark if seeds is None else seeds.key
    chosen = [[*overrides, Override(SEED, number, origin)] for number in numbers]
    return [Cell(_config(base, each), axes) for each in chosen]


def _config(base: Node, overrides: Sequence[Override]) -> Config:
    document = base
    for each in overrides:
        document = override(document, each.key, each.value, each.mark)
    return config_in(document)
