"""The identity of a run: its config, its data and the version of nnkit."""

from __future__ import annotations

from nnkit.data.fingerprints import record_fingerprint, recorded_fingerprint
from nnkit.runs.directory import run_hash
from nnkit.task.config import Config
from nnkit.task.task_loading import load_task
from nnkit.training.start_from import start_digest
from nnkit.version import __version__


def run_name(config: Config) -> str:
    """The name of the run's folder, NAME-HASH; the data is read only if it may have changed.

    Raises:
        DataError: the data is missing or damaged.
        SettingError: split or preprocessing do not fit the data.
    """
    if (known := recorded_run_name(config)) is not None:
        return known
    fingerprint = load_task(config).fingerprint
    record_fingerprint(config.data.source, fingerprint)
    return named(config, fingerprint)


def recorded_run_name(config: Config) -> str | None:
    """The name of the run's folder, if the data is known without reading it; else None."""
    fingerprint = recorded_fingerprint(config.data.source)
    return None if fingerprint is None else named(config, fingerprint)


def named(config: Config, fingerprint: str) -> str:
    """The name of the run's folder, for data of that fingerprint.

    A checkpoint to start from counts by its contents, wherever it is.

    Raises:
        ConfigError: the checkpoint to start from is missing or damaged.
    """
    settings, start = config.resolved(), config.training.start_from
    if start is not None:
        with config.locating():
            settings["training"]["start_from"]["checkpoint"] = start_digest(start)
    return f"{config.name}-{run_hash(settings, fingerprint, __version__)}"
