"""The folder of a run: its files, written so that an interruption at any moment is harmless."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from time import sleep
from typing import IO, Any, Literal

from nnkit.config.spec import PATH_SETTINGS
from nnkit.errors import CheckpointError, UsageError
from nnkit.files import append, remove_torn, try_lock, write_atomic
from nnkit.text import as_json

DEFAULT_RUNS = Path("runs")
Outcome = Literal["completed", "stopped early", "gate missed", "interrupted", "pruned", "diverged"]
FINISHED = frozenset({"completed", "stopped early", "gate missed"})  # the others have no results
WITHOUT_EFFECT = ("name", "expect")  # sections of a config that do not change a run's result
LOCK_ATTEMPTS = 5  # until another process is taken to train: it may be about to end
LISTING_ATTEMPTS = 250  # while others only list runs, which holds their locks briefly
BETWEEN_ATTEMPTS = 0.02  # seconds


class LockedError(UsageError):
    """Another process is training in a run's folder."""


class RunDirectory:
    """runs/NAME-HASH, with config.yaml, metrics.jsonl, summary.json, log.txt and checkpoints/."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.metrics = path / "metrics.jsonl"
        self.summary = path / "summary.json"
        self.log = path / "log.txt"
        self.best = path / "checkpoints" / "best.safetensors"
        self.last = path / "checkpoints" / "last.safetensors"
        self.diverged = path / "checkpoints" / "diverged.safetensors"
        self.lock = path / ".lock"

    @property
    def finished(self) -> bool:
        """Whether the run is finished; its summary is written last."""
        return self.read_summary() is not None

    @property
    def begun(self) -> bool:
        """Whether the run has a checkpoint to resume from."""
        return self.last.is_file()

    @property
    def name(self) -> str:
        """The config's name: the name of the folder without the hash."""
        return self.path.name.rpartition("-")[0] or self.path.name

    @property
    def trained_at(self) -> float:
        """When the run was trained last, in seconds since 1970: the age of its last checkpoint."""
        newest = self.last if self.last.is_file() else self.config
        return newest.stat().st_mtime

    @property
    def training(self) -> bool:
        """Whether a process is training in the folder now."""
        try:
            with self.lock.open("rb") as file:
                return not try_lock(file, shared=True)
        except OSError:
            return False

    @property
    def state(self) -> str:
        """The run's state: finished, training, diverged, pruned, interrupted or not begun."""
        if self.finished:
            return "finished"
        if self.training:
            return "training"
        if self.diverged.is_file():
            return "diverged"
        if self.read_ending().get("outcome") == "pruned":
            return "pruned"
        return "interrupted" if self.begun else "not begun"

    def create(self, config_yaml: str) -> None:
        """Creates the folder and writes the resolved config."""
        self.best.parent.mkdir(parents=True, exist_ok=True)
        for file in (self.config, self.summary, self.metrics, self.best, self.last, self.diverged):
            remove_torn(file)
        # The first checkpoint waits for the disk; until then nothing is lost with the config.
        write_atomic(self.config, config_yaml, sync=self.begun)

    def clear(self) -> None:
        """Removes the files of an earlier run, first the summary, which marks it as finished."""
        for file in (self.summary, self.last, self.best, self.diverged, self.metrics, self.log):
            file.unlink(missing_ok=True)

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Appends a line to metrics.jsonl, which must be on the disk before a checkpoint."""
        append(self.metrics, as_json(record) + "\n", sync=False)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Reads the records of metrics.jsonl; a last line truncated by a crash is left out."""
        if not self.metrics.is_file():
            return []
        records = []
        for line in self.metrics.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                records.append(json.loads(line))
            except ValueError:
                break
        return records

    def rewind_metrics(self, step: int) -> None:
        """Removes the records after the step from which training resumes."""
        kept = [record for record in self.read_metrics() if record["step"] <= step]
        lines = "".join(as_json(record) + "\n" for record in kept)
        write_atomic(self.metrics, lines)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Writes summary.json: how the run ended, and its results if it is finished."""
        write_atomic(self.summary, as_json(summary, indent=2) + "\n")

    def read_summary(self) -> dict[str, Any] | None:
        """Returns the summary, or None if the run is not finished."""
        ending = self.read_ending()
        return ending if ending.get("outcome") in FINISHED else None

    def read_ending(self) -> dict[str, Any]:
        """Returns what summary.json says of the run's last end, finished or not; {} if nothing."""
        try:
            ending = json.loads(self.summary.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return ending if isinstance(ending, dict) else {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder within the block, so that no other process trains in it.

        Raises:
            LockedError: another process is training in it.
            UsageError: it cannot be made.
        """
        for attempt in range(LISTING_ATTEMPTS):
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                why = error.strerror or error
                raise UsageError(
                    f"{error.filename or self.path}: {why}; choose another folder with --runs"
                ) from None
            with self.lock.open("wb") as file:
                if try_lock(file) and _is_file(file, self.lock):
                    yield
                    return
            if attempt >= LOCK_ATTEMPTS and self.training:
                break
            sleep(BETWEEN_ATTEMPTS)
        raise LockedError(f"{self.path}: another process is training in this folder")


def _is_file(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is still the one at a path, which a removal of the run ends."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def run_hash(config: Mapping[str, Any], fingerprint: str, version: str) -> str:
    """Eight hexadecimal digits that identify a run by config, data and version.

    What does not change the result is left out: the name, gates, and file paths, for which the
    fingerprint of the data stands.
    """
    source = {k: v for k, v in config["data"]["source"].items() if k not in PATH_SETTINGS}
    known = {**config, "data": {**config["data"], "source": source}}
    for key in WITHOUT_EFFECT:
        known.pop(key, None)
    text = json.dumps([known, fingerprint, version], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:8]


def list_runs(runs: Path) -> list[RunDirectory]:
    """The runs in a folder, from the one trained longest ago to the latest."""
    if not runs.is_dir():
        return []
    found = [RunDirectory(path) for path in runs.iterdir() if (path / "config.yaml").is_file()]
    return sorted(found, key=lambda run: (run.trained_at, run.path.name))


def matching_runs(what: str, runs: Path = DEFAULT_RUNS) -> list[RunDirectory]:
    """The runs given by a folder, or by a name with or without hash, most recently trained last.

    Raises:
        CheckpointError: there is none; the message lists the existing runs.
    """
    if (Path(what) / "config.yaml").is_file():
        return [RunDirectory(Path(what))]
    known = list_runs(runs)
    if found := [run for run in known if what in (run.path.name, run.name)]:
        return found
    raise CheckpointError(f"{what}: no such checkpoint or run; {latest_runs(runs)}")


def latest_runs(runs: Path) -> str:
    """Lists the latest runs in a folder, for messages."""
    names = ", ".join(run.path.name for run in list_runs(runs)[-5:])
    return f"the latest runs in {runs}/ are {names}" if names else f"there are no runs in {runs}/"


def find_checkpoint(what: str, runs: Path = DEFAULT_RUNS) -> Path:
    """The checkpoint given by a file, a run's folder, or a run's name.

    For a folder it is the best checkpoint; for a name, that of the most recently trained run.

    Raises:
        CheckpointError: there is none; the message lists the existing runs.
    """
    if Path(what).is_file():
        return Path(what)
    return best_checkpoint(matching_runs(what, runs)[-1])


def best_checkpoint(run: RunDirectory) -> Path:
    """The best checkpoint of a run, or the last if there is no best one.

    Raises:
        CheckpointError: the run has no such checkpoint.
    """
    for checkpoint in (run.best, run.last):
        if checkpoint.is_file():
            return checkpoint
    if run.diverged.is_file():
        raise CheckpointError(
            f"{run.path}: this run diverged before its first evaluation; "
            f"its last weights are in {run.diverged}"
        )
    raise CheckpointError(f"{run.path}: this run has no checkpoint yet")
