"""The speed of each setting on a machine, kept for later measurements on the same machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.tasks import Task

SAME = ("cpu", "vectors", "cores")  # properties of a machine on which the fastest setting depends
Speeds = dict[str, float]  # samples per second of each setting; 0 if it failed


class SavedSettingsError(Exception):
    """The file cannot be read."""


class SavedSettings:
    """The speeds of settings, read from a file and written to it.

    The speeds of a library's other versions do not count: the one installed is measured anew.

    Args:
        path: the file.
        machine: the machine, as `machine()` describes it.
        kept: whether new speeds are added to the file.
        fresh: whether what is known of this machine is ignored.

    Raises:
        SavedSettingsError: the file exists, and is not one of these.
    """

    def __init__(
        self, path: Path, machine: Mapping[str, Any], kept: bool = True, fresh: bool = False
    ) -> None:
        self.path, self._kept = path, kept
        self._machine = ", ".join(str(machine[name]) for name in SAME)
        self._found: dict[str, dict[str, Any]] = {}
        try:
            if path.exists():
                self._found = dict(json.loads(path.read_text()))
            if fresh:
                self._found.pop(self._machine, None)
            self._here: dict[str, Any] = self._found.setdefault(self._machine, {})
        except (OSError, ValueError, TypeError) as error:
            message = f"{path}: not speeds of settings ({error}); remove the file"
            raise SavedSettingsError(message) from None

    def speeds(self, task: Task, contender: str, versions: Mapping[str, str]) -> Speeds:
        """Returns what is known about a contender's settings; nothing of other versions."""
        known = self._here.get(str(task), {}).get(contender)
        same = known is not None and known["versions"] == versions
        return dict(known["samples_per_second"]) if same else {}

    def keep(self, task: Task, contender: str, versions: Mapping[str, str], speeds: Speeds) -> None:
        """Adds speeds, and writes the file; does nothing if there are none, or none to be kept."""
        if not speeds or not self._kept:
            return
        known = self.speeds(task, contender, versions) | {
            name: round(speed) for name, speed in speeds.items()
        }
        of_task = self._here.setdefault(str(task), {})
        of_task[contender] = {"versions": dict(versions), "samples_per_second": known}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self._found, indent=1) + "\n")


def fastest(speeds: Speeds, count: int) -> Sequence[str]:
    """Returns the names of the fastest settings that work, the fastest first."""
    working = [name for name, speed in speeds.items() if speed > 0]
    return sorted(working, key=lambda name: -speeds[name])[:count]
