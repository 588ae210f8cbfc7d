"""Exceptions with their exit codes on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SettingPath = tuple[str | int, ...]


class NnkitError(Exception):
    """Base class of errors that users can fix; the message gives the location and a remedy."""

    exit_code = 1


class UsageError(NnkitError):
    """Invalid command or arguments."""

    exit_code = 2


class SettingError(NnkitError):
    """A setting that does not fit other settings, the shapes or the data.

    The error has the path of the setting in the config; `Config.locating()` turns it into a
    `ConfigError` with file, line and column.
    """

    exit_code = 2

    def __init__(self, path: SettingPath, message: str, exit_code: int = 2) -> None:
        super().__init__(f"{dotted(path)}: {message}" if path else message)
        self.path = path
        self.message = message
        self.exit_code = exit_code  # 3 if the setting does not fit the data


class DataError(NnkitError):
    """Data that is missing, damaged or does not fit."""

    exit_code = 3


class CheckpointError(NnkitError):
    """A checkpoint or run that is missing, damaged or does not fit."""

    exit_code = 3


class DivergedError(NnkitError):
    """The loss became NaN or infinite."""

    exit_code = 1


class ClusterError(NnkitError):
    """A cluster that cannot be reached, or whose workers cannot train."""

    exit_code = 1


class GateError(NnkitError):
    """A bound under `expect:` was not met.

    Attributes:
        run: the `nnkit.Run`, which is complete.
    """

    exit_code = 4

    def __init__(self, message: str, run: Any) -> None:
        super().__init__(message)
        self.run = run


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in a config: its position (`file:line:column`), the setting, and a message."""

    position: str
    path: SettingPath
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.position, dotted(self.path), self.message) if part)


class ConfigError(NnkitError):
    """An invalid config, with all its problems."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem], exit_code: int = 2) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
        self.exit_code = exit_code


def dotted(path: Sequence[str | int]) -> str:
    """Joins a setting path as written for `--set`: `architecture.layers.3.units`."""
    return ".".join(map(str, path))
