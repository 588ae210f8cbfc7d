"""The settings that were fastest in an earlier measurement, to be measured again without trials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, Setting

SAME = ("cpu", "cores")  # of a machine: where these differ, so may the fastest setting


class EarlierError(Exception):
    """An earlier measurement does not say what it is asked."""


class Earlier:
    """A speed.json.

    Raises:
        EarlierError: it can't be read, or is of another machine.
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
            raise EarlierError(f"{path}: no speed.json of this benchmark ({error})") from None
        for name, value in there.items():
            if value != machine[name]:
                raise EarlierError(
                    f"{path}: measured on {value} ({name}), this is {machine[name]}; "
                    "measure without --settings"
                )

    def setting(
        self, contender: Contender, task: tuple[str, str, int], settings: Sequence[Setting]
    ) -> Setting:
        """The contender's fastest setting at a task: its network, job and batch.

        Raises:
            EarlierError: it was not measured, or in none of these settings.
        """
        name = self._settings.get((*task, contender.name))
        network, job, batch = task
        where = f"{self.path}: {contender.title} at {network} {job}, batch {batch}"
        if name is None:
            raise EarlierError(f"{where} was not measured; leave it out, or out of --settings")
        for setting in settings:
            if str(setting) == name:
                return setting
        raise EarlierError(f"{where} was measured in '{name}', which is no setting any more")

    def check_versions(self, contender: Contender, versions: Mapping[str, str]) -> None:
        """That a contender is the one that was measured.

        Raises:
            EarlierError: it is of another version.
        """
        for name, version in versions.items():
            before = self.versions.get(name)
            if before != version:
                raise EarlierError(
                    f"{self.path}: {contender.title} was measured with {name} {before}, "
                    f"here is {version}; measure without --settings"
                )
