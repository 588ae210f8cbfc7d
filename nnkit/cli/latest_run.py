"""The run that `nnkit predict` uses if none is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnkit.cli.lines import OPTION
from nnkit.cli.output import say
from nnkit.cli.standard_input import Input

if TYPE_CHECKING:
    from nnkit.data.dataset import Column
    from nnkit.data.sources.source import Source

TEXTS = "texts"
TABLE_SUFFIXES = {".csv", ".tsv", ".npy", ".npz"}
ARRAYS = {"npy", "npz", "mnist", "idx", "adding"}
# The data sources whose models read files of each kind.
READERS = {TEXTS: set[str](), "csv": {"csv", "series"}, "npy": ARRAYS, "npz": ARRAYS}
TABLES_OR_ARRAYS = {"memory", "shards"}  # data sources of either


def latest_checkpoint(runs: Path, file: Input, kind: str) -> Path:
    """The checkpoint of the most recent run that can read a file.

    Runs of tables, or of texts in a column of one, must find their columns in the file; runs that
    are passed over for that are named. If all are, the most recent is used, whose error then names
    the column.

    Args:
        runs: the folder of all runs.
        file: the file.
        kind: `csv`, `npy`, `npz` or `texts`.

    Raises:
        UsageError: there is no such run; the message lists the latest ones.
    """
    from nnkit.errors import DataError, UsageError
    from nnkit.runs.directory import latest_runs

    passed: list[tuple[Path, str]] = []
    for run in _runs(runs):
        if not run.reads(file, kind):
            continue
        try:
            if not (run.of_texts and are_lines(file, kind)):
                run.source.check_columns(file.path, run.columns)
        except DataError as error:
            passed.append((run.checkpoint, file.named(str(error))))
            continue
        for checkpoint, reason in passed:
            say(f"{checkpoint.parent.parent} is more recent, but {reason}")
        return run.checkpoint
    if passed:
        return passed[0][0]
    what = "was trained on texts" if file.name == OPTION else f"can read {Path(file.name).name}"
    raise UsageError(
        f"no run in {runs}/ {what}; train one first, or choose one with --checkpoint; "
        f"{latest_runs(runs)}"
    )


def are_lines(file: Input, kind: str) -> bool:
    """Whether a file may be a text on each line: text that is not called a table."""
    return kind == TEXTS or (kind == "csv" and Path(file.name).suffix.lower() not in TABLE_SUFFIXES)


@dataclass(frozen=True, slots=True)
class _Run:
    """A run, with what its checkpoint says about the inputs of its model.

    Attributes:
        checkpoint: the file.
        source: the data source.
        columns: the columns of a table; empty for other data.
        of_texts: whether the inputs are texts.
    """

    checkpoint: Path
    source: Source
    columns: tuple[Column, ...]
    of_texts: bool

    def reads(self, file: Input, kind: str) -> bool:
        """Whether the model reads files of a kind."""
        from nnkit.data.sources.text_files import Pairs

        if self.of_texts:
            source = self.source
            by_column = isinstance(source, Pairs) and source.reads_columns_of(Path(file.name))
            return by_column or are_lines(file, kind)
        if self.source.tag() in TABLES_OR_ARRAYS:
            return bool(self.columns) == (kind == "csv")
        return self.source.tag() in READERS[kind]


def _runs(runs: Path) -> Iterator[_Run]:
    """Yields the runs that have a checkpoint of this version's form, the most recent first."""
    from pydantic import TypeAdapter, ValidationError

    from nnkit.data.dataset import Column
    from nnkit.data.sources import AnySource
    from nnkit.errors import CheckpointError
    from nnkit.runs.directory import best_checkpoint, list_runs
    from nnkit.runs.header import read_header

    sources: TypeAdapter[Source] = TypeAdapter(AnySource)
    for run in reversed(list_runs(runs)):
        try:
            checkpoint = best_checkpoint(run)
            header = read_header(checkpoint)
            source = sources.validate_python(header["config"]["data"]["source"])
            columns = tuple(Column(c["name"], tuple(c["categories"])) for c in header["columns"])
        except (CheckpointError, KeyError, TypeError, ValidationError):
            continue
        yield _Run(checkpoint, source, columns, header.get("text") is not None)
