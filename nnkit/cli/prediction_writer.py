"""Writes predictions as they come: the part that is the same for samples and for texts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnkit.cli.output import print_json, say_error
from nnkit.cli.output_files import write_output

Prediction = dict[str, Any]


@dataclass
class PredictionWriter(ABC):
    """Writes predictions: to standard output as they come, as JSON at the end, or to a CSV file.

    Attributes:
        as_json: whether to print JSON.
        table: the CSV file, written at the end, completely or not at all.
        failed: whether any prediction is an error.
    """

    as_json: bool
    table: Path | None
    failed: bool = field(default=False, init=False)
    _kept: list[Prediction] = field(default_factory=list, init=False)

    def tell(self, prediction: Prediction) -> None:
        """Prints a prediction, or keeps it for the end."""
        if self.as_json or self.table is not None:
            self._kept.append(prediction)
        if "error" in prediction:
            self.failed = True
            say_error(prediction["error"])
        if not self.as_json:
            for line in self.lines(prediction):
                print(line, flush=True)

    def finish(self) -> None:
        """Writes the CSV file and the JSON, which contain all predictions."""
        if self.table is not None:
            write_output(self.table, self.csv(self._kept))
        if self.as_json:
            print_json({"inputs": self._kept})

    @abstractmethod
    def lines(self, prediction: Prediction) -> Iterable[str]:
        """The lines that are printed for a prediction, or in place of an error."""

    @abstractmethod
    def csv(self, predictions: Sequence[Prediction]) -> str:
        """The predictions as the contents of a CSV file."""
