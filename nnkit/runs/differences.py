"""Differences between runs: the settings in which their configs differ, and their data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from nnkit.config.yaml import read_yaml
from nnkit.errors import CheckpointError, ConfigError, SettingPath, dotted
from nnkit.runs.directory import WITHOUT_EFFECT, RunDirectory
from nnkit.runs.header import read_header

ABSENT: Final = object()
DATA = "data_sha256"  # pseudo-setting for the contents of the data
Difference = tuple[SettingPath, Sequence[Any]]  # a path, and the value of each run
LONGEST = 40  # longest value shown, in characters


def identity(run: RunDirectory) -> dict[str, Any]:
    """The identity of a run's result: its config and, once saved, its data and nnkit's version.

    Empty if neither the last checkpoint nor config.yaml can be read.
    """
    try:
        header = read_header(run.last)
        return identity_of(header["config"], header["data"], header["versions"]["nnkit"])
    except (CheckpointError, KeyError, TypeError):
        try:
            return _effective(read_yaml(run.config).plain())
        except ConfigError:
            return {}


def identity_of(config: Mapping[str, Any], fingerprint: str, version: str) -> dict[str, Any]:
    """The identity of a result: the config, the fingerprint of the data and nnkit's version."""
    return {**_effective(config), DATA: fingerprint[:8], "nnkit": version}


def _effective(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in WITHOUT_EFFECT}


def differences(identities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each run, the settings that are not the same in all runs, by dotted path.

    Settings that other runs lack because a component is of another kind or a list is shorter are
    left out; the `kind` or the `length` is included instead.
    """
    found: list[dict[str, Any]] = [{} for _ in identities]
    for path, values in _compared((), list(identities)):
        for own, value in zip(found, values, strict=True):
            if value is not ABSENT:
                own[dotted(path)] = value
    return found


def brief(value: Any) -> str:
    """A setting's value on one line, shortened in its middle if it is long."""
    text = value
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half + 1 :]}"


def _compared(path: SettingPath, values: Sequence[Any]) -> Iterator[Difference]:
    """Yields the differences at or below a path; `ABSENT` stands for a missing setting."""
    present = [value for value in values if value is not ABSENT]
    if all(value == present[0] for value in present):
        return
    if all(isinstance(value, Mapping) for value in present):
        yield from _compared_mappings(path, values)
    elif all(isinstance(value, list) and not _scalars(value) for value in present):
        yield from _compared_lists(path, values)
    else:
        yield path, values


def _compared_mappings(path: SettingPath, values: Sequence[Any]) -> Iterator[Difference]:
    present = [value for value in values if value is not ABSENT]
    same_kind = all(value.get("kind") == present[0].get("kind") for value in present)
    for key in dict.fromkeys(key for value in present for key in value):
        below = [value if value is ABSENT else value.get(key, ABSENT) for value in values]
        if same_kind and any(key not in value for value in present):
            yield (*path, key), below
        else:
            yield from _compared((*path, key), below)


def _compared_lists(path: SettingPath, values: Sequence[Any]) -> Iterator[Difference]:
    lengths = [value if value is ABSENT else len(value) for value in values]
    yield from _compared((*path, "length"), lengths)
    for i in range(max(len(value) for value in values if value is not ABSENT)):
        below = [ABSENT if value is ABSENT else [*value, *[ABSENT] * i][i] for value in values]
        yield from _compared((*path, i), below)


def _scalars(items: Sequence[Any]) -> bool:
    return not any(isinstance(item, Mapping | list) for item in items)
