"""The inputs of `nnkit predict`, and the network for each kind of them."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnkit.cli.checkpoints import chosen_checkpoint
from nnkit.cli.latest_run import TEXTS, latest_checkpoint
from nnkit.cli.lines import OPTION
from nnkit.cli.output import say
from nnkit.cli.standard_input import Input

if TYPE_CHECKING:
    from nnkit.inference.trained_model import TrainedModel

PICTURES = "pictures"
TABLES = {".csv": "csv", ".tsv": "csv", ".npy": "npy", ".npz": "npz"}


def each_file(inputs: Sequence[Input]) -> Iterator[Input]:
    """Yields files, and the pictures in folders by name; an empty folder is yielded itself."""
    from nnkit.data.pictures import SUFFIXES

    for file in inputs:
        if not file.path.is_dir():
            yield file
            continue
        inside = (p for p in file.path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        found = sorted(p for p in inside if not p.name.startswith("."))
        yield from (Input(path, str(path)) for path in found or [file.path])


def check_exists(file: Path) -> None:
    """Raises a DataError if a file does not exist or a folder contains no pictures."""
    from nnkit.data.pictures import SUFFIXES
    from nnkit.errors import DataError

    if file.is_dir():
        raise DataError(f"{file}: no pictures in it ({', '.join(sorted(SUFFIXES))})")
    if not file.exists():
        raise DataError(f"{file}: no such file")


def check_is_data(file: Path) -> None:
    """Raises a UsageError if a file is a config or a checkpoint, by its name."""
    from nnkit.errors import UsageError
    from nnkit.mistaken_files import kind_by_suffix, mistaken_for

    if kind_by_suffix(file) in ("a config", "a checkpoint") and file.is_file():
        raise UsageError(f"{file}: {mistaken_for(file, 'data to predict from')}")


def kind_of(path: Path) -> str:
    """The kind of an input: one of `TABLES`, or pictures.

    A file with an unknown suffix, such as `iris.data`, is a table if it is text; `.txt` always is.
    """
    from nnkit.cli.standard_input import suffix_of
    from nnkit.data.pictures import SUFFIXES

    suffix = path.suffix.lower()
    if path == Path(OPTION):
        return TEXTS
    if suffix in TABLES or suffix in SUFFIXES:
        return TABLES.get(suffix, PICTURES)
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError:
        return PICTURES  # reading it gives the error
    marked = start.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    is_text = suffix == ".txt" or marked or b"\0" not in start  # NUL may be damage of a text
    return TABLES.get(suffix_of(start), PICTURES) if is_text else PICTURES


def networks_for(
    inputs: Sequence[Input], checkpoint: str | None, runs: Path, *, of_texts: bool
) -> Mapping[str, TrainedModel]:
    """The network for each kind of input, all loaded before any input is read."""
    import nnkit
    from nnkit.reading.pretrained import DIGITS

    if of_texts:
        inputs = [Input(Path(OPTION), OPTION)]
    first = {kind_of(file.path): file for file in reversed(inputs)}
    if checkpoint is not None:
        model = nnkit.load_checkpoint(chosen_checkpoint(checkpoint, runs))
        return dict.fromkeys(first, model)
    found = {}
    for kind, file in first.items():
        place = DIGITS if kind == PICTURES else latest_checkpoint(runs, file, kind)
        if kind != PICTURES:
            say(f"using {place}")
        found[kind] = nnkit.load_checkpoint(place)
    return found
