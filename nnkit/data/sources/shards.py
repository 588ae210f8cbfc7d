"""Data larger than memory: a folder of .npy or Parquet shards, streamed a row group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from nnkit.config.spec import Count, FilePath
from nnkit.data.dataset import Column, Dataset
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

    def read(self) -> Dataset:
        # Imported here, because the commands that only read a config do not need it.
        from nnkit.data.sharding.folder import check_alike, dataset, open_shards

        root = existing(self.path, "folder")
        train, test = root / "train", root / "test"
        if not (train.is_dir() and test.is_dir()):
            return dataset(open_shards(root, self.label, self.weights), None, self.window)
        groups, test_groups = (
            open_shards(folder, self.label, self.weights) for folder in (train, test)
        )
        check_alike([groups.shards[0], test_groups.shards[0]])
        return dataset(groups, test_groups, self.window)

    def is_single_set(self, place: Path) -> bool:
        return not (place / "train").is_dir()

    def read_rows(
        self, path: Path, columns: Sequence[Column], *, unknown: UnknownWords = "error"
    ) -> TableRows:
        if not columns:  # .npy shards, or lists
            return super().read_rows(path, columns)
        return Csv(path=str(path), missing=("",)).read_rows(path, columns, unknown=unknown)
