"""A tune file: a config with search spaces, and a section that says how to search them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from nnkit.config.file_kinds import check_is_search
from nnkit.config.node import Mark, error_at
from nnkit.config.spec import Spec
from nnkit.config.validation import in_file_order, merged, validate
from nnkit.errors import ConfigError, Problem, SettingPath
from nnkit.experiments.axis_names import short_keys
from nnkit.experiments.search_settings import DEFAULT_TRIALS, GridSampler, Search, grid_values
from nnkit.experiments.spaces import Dimension, Pick, SearchSpace, Value, is_space, shown_value
from nnkit.task.config import Config
from nnkit.task.config_loading import config_document, config_in

MOST_TRIALS = 100_000  # in a grid
# Settings that must not vary between trials, and why.
FIXED: dict[SettingPath, str] = {
    ("name",): "it does not change the training",
    ("expect",): "it does not change the training",
    ("seed",): "a seed is luck, not a setting to choose; train the best config with several seeds",
    ("data", "source"): "metrics on different data cannot be compared",
    ("data", "split"): "metrics on different data cannot be compared",
}


class _Searched(Spec):
    """A mapping with the section `search`, for validation."""

    search: Search


@dataclass(frozen=True, slots=True)
class LoadedTune:
    """The content of a tune file.

    Attributes:
        path: the file.
        search: how to search.
        space: what to search.
        marks: the position of `search` in the file, and of each of its settings.
    """

    path: Path
    search: Search
    space: SearchSpace
    marks: Mapping[str, Mark]

    @property
    def name(self) -> str:
        """The name of its studies: that of the file, in characters that suit a folder."""
        stem = self.path.stem
        return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem)

    def config(self, pick: Pick) -> Config:
        """The config of a trial.

        Raises:
            ConfigError: these values do not go together.
        """
        return config_in(self.space.draw(pick))

    @property
    def short_names(self) -> dict[str, str]:
        """The shortest ending of the name of each dimension that tells it from the others."""
        names = dict.fromkeys(self.space.dimensions)
        return dict(zip(names, short_keys(names), strict=True))

    def shown(self, values: Mapping[str, Value]) -> str:
        """Values by dimension on one line, such as `lr=0.1 units=32`, with short names."""
        short = self.short_names
        return " ".join(f"{short[name]}={shown_value(value)}" for name, value in values.items())

    @property
    def trials(self) -> int:
        """The number of trials: that of the file, at most the combinations of a grid."""
        if not isinstance(self.search.sampler, GridSampler):
            return self.search.trials or DEFAULT_TRIALS
        combinations = self.space.combinations(grid_values)
        count = sum(1 for _ in islice(combinations, MOST_TRIALS))
        return min(self.search.trials or count, count)


def load_tune(path: str | Path) -> LoadedTune:
    """Reads a tune file, and checks its spaces and how it is to be searched.

    Raises:
        ConfigError: everything that is wrong, with file, line and column.
    """
    document = config_document(path, is_value=is_space)
    check_is_search(document)
    section = document.child("search")
    if section is None:
        text = "this key is required; add search: {metric: validation.accuracy, trials: 50}"
        raise error_at(document.mark, text, ("search",))
    rest = {name: node for name, node in document.value.items() if name != "search"}
    problems: list[Problem] = []
    try:
        search = validate(_Searched, replace(document, value={"search": section})).search
    except ConfigError as error:
        problems += error.problems
    try:
        space = SearchSpace(replace(document, value=rest))
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise merged(problems)
    marks = {name: node.mark for name, node in (section.value or {}).items()}
    loaded = LoadedTune(Path(path), search, space, {"search": section.key, **marks})
    _check(loaded)
    return loaded


def _check(tune: LoadedTune) -> None:
    """Checks that there is something to search, and that the sampler can search it."""
    dimensions = tune.space.dimensions
    if not dimensions:
        text = (
            "nothing to search; write a space where a value stands, such as "
            "lr: {float: {low: 1e-4, high: 1e-1, log: true}} or units: {choice: [16, 32]}"
        )
        raise error_at(tune.space.document.mark, text)
    found: list[tuple[Mark, Problem]] = []
    for dimension in dimensions.values():
        for fixed, why in FIXED.items():
            if dimension.path[: len(fixed)] == fixed:
                found.append(_problem(dimension, f"cannot be searched: {why}"))
    objection = tune.search.sampler.objection(dimensions.values())
    if objection is not None:
        blamed, message = objection
        if blamed is not None:
            found.append(_problem(blamed, message))
        else:
            mark = tune.marks.get("sampler", tune.marks["search"])
            found.append((mark, Problem(str(mark), ("search", "sampler"), message)))
    if found:
        raise in_file_order(found)


def _problem(dimension: Dimension, message: str) -> tuple[Mark, Problem]:
    mark = dimension.node.mark
    return mark, Problem(str(mark), dimension.path, message)
