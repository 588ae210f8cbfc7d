"""Data larger than memory: a folder of .npy or Parquet shards, streamed a row group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from nnkit.config.spec import Count, FilePath
from nnkit.data.dataset import Column, Dataset
from nnkit.data.missing_targets import MISSING_TARGET, OnMissing
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.source import Source, TableRows, existing
from nnkit.data.tables.conversion import UnknownWords


class Shards(Source):
    """A folder of shards that may be larger than memory, streamed while training.

    A shard is either a Parquet file or a pair of .npy files, NAME.inputs.npy, (n, …), and
    NAME.targets.npy, (n,) or (n, outputs), with sample weights in NAME.weights.npy if there are
    any. If path/train and path/test exist, each of them contains shards. In each epoch the shards
    are shuffled, then the samples within each `window` of consecutive ones. Sets that are held out
    are drawn at random, not stratified by class.
    """

    kind: Literal["shards"] = "shards"
    path: FilePath = Field(description="The folder.", examples=["shards"])
    window: Count = Field(
        4096,
        description="Samples that are shuffled together; about two windows are held in memory.",
    )
    label: str | None = Field(
        None,
        description="Parquet: the column of targets; default: label. All other columns are inputs.",
    )
    weights: str | None = Field(None, description="Parquet: the column of sample weights.")

    missing_target: OnMissing = Field("error", description=MISSING_TARGET)

    def read(self) -> Dataset:
        # Imported here, because the commands that only read a config do not need it.
        from nnkit.data.sharding.folder import check_alike, dataset, open_shards

        root = existing(self.path, "folder")
        train, test = root / "train", root / "test"
        folders = [train, test] if train.is_dir() and test.is_dir() else [root]
        opened = [
            open_shards(folder, self.label, self.weights, self.missing_target) for folder in folders
        ]
        groups, missing = zip(*opened, strict=True)
        check_alike([each.shards[0] for each in groups])
        notices = [notice for each in missing for notice in each.notices()]
        return dataset(groups[0], groups[1] if groups[1:] else None, self.window, notices)

    def is_single_set(self, place: Path) -> bool:
        return not (place / "train").is_dir()

    def read_rows(
        self, path: Path, columns: Sequence[Column], *, unknown: UnknownWords = "error"
    ) -> TableRows:
        if not columns:  # .npy shards, or lists
            return super().read_rows(path, columns)
        return _table(path).read_rows(path, columns, unknown=unknown)

    def check_columns(self, path: Path, columns: Sequence[Column]) -> None:
        _table(path).check_columns(path, columns)


def _table(path: Path) -> Csv:
    return Csv(path=str(path), missing=("",))
