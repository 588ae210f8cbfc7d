"""Reuse of the fastest settings found in an earlier measurement, without new trials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, Setting

SAME = ("cpu", "cores")  # properties of the machine on which the fastest setting depends


class EarlierError(Exception):
    """An earlier measurement cannot be used."""


class Earlier:
    """An earlier measurement, read from a speed.json file.

    Raises:
        EarlierError: the file cannot be read, or was measured on another machine.
    """

    def __init__(self, path: Path, machine: Mapping[str, Any]) -> None:
        self.path = path
        try:
            report = json.loads(path.read_text())
            there = {name: report["machine"][name] for name in SAME}
            self.versions: dict[str, str] = report["versions"]
            self._settings: dict[tuple[Any, ...], str] = {
                (task["network"], task["job"], task["batch"], figures["name"]): figures["setting"]
                for task in report["tasks"]
                for figures in task["contenders"]
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EarlierError(f"{path}: not a speed.json of this benchmark ({error})") from None
        for name, value in there.items():
            if value != machine[name]:
                raise EarlierError(
                    f"{path}: measured with {name}={value}, but this machine has "
                    f"{name}={machine[name]}; measure without --settings"
                )

    def setting(
        self, contender: Contender, task: tuple[str, str, int], settings: Sequence[Setting]
    ) -> Setting:
        """Returns the contender's fastest setting for a task (network, job, batch).

        Raises:
            EarlierError: the contender was not measured, or in none of these settings.
        """
        name = self._settings.get((*task, contender.name))
        network, job, batch = task
        where = f"{self.path}: {contender.title} at {network} {job}, batch {batch}"
        if name is None:
            raise EarlierError(f"{where} was not measured; leave it out, or omit --settings")
        for setting in settings:
            if str(setting) == name:
                return setting
        raise EarlierError(f"{where} was measured with '{name}', which is no longer a setting")

    def check_versions(self, contender: Contender, versions: Mapping[str, str]) -> None:
        """Checks that a contender has the version that was measured.

        Raises:
            EarlierError: the versions differ.
        """
        for name, version in versions.items():
            before = self.versions.get(name)
            if before != version:
                raise EarlierError(
                    f"{self.path}: {contender.title} was measured with {name} {before}, "
                    f"but {version} is installed; measure without --settings"
                )
