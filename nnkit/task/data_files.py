"""Checks that the files that a config names as its data exist, before they are read."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from nnkit.config.spec import PATH_SETTINGS
from nnkit.data.sources.source import Source
from nnkit.errors import ConfigError, DataError, SettingError
from nnkit.task.config import Config


def check_data_files(config: Config) -> None:
    """Checks that the files and folders of a config's data source exist.

    Raises:
        DataError: one does not. The message has the position of the setting, and a file of a
            similar name, if there is one.
    """
    for name, place in _places(config.data.source):
        if place.exists():
            continue
        kind = "file" if place.suffix else "file or folder"
        message = f"{place}: no such {kind}{_advice(place)}"
        try:
            with config.locating():
                raise SettingError(("data", "source", name), message)
        except ConfigError as error:
            raise DataError(str(error)) from None


def _places(source: Source) -> Iterator[tuple[str, Path]]:
    """Yields the settings of a source that name a file or folder; relative names are of columns."""
    for name in type(source).model_fields:
        value = getattr(source, name)
        if name in PATH_SETTINGS and isinstance(value, str) and Path(value).is_absolute():
            yield name, Path(value)


def _advice(place: Path) -> str:
    """Names the folder if it is missing too, else a file of a similar name in it."""
    folder = place.parent
    if not folder.is_dir():
        return f"; there is no folder {folder}"
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return ""
    close = get_close_matches(place.name, names, 1, 0.7)
    return f"; did you mean '{close[0]}'?" if close else ""
