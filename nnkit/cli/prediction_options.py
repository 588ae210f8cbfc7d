"""Options of `nnkit predict` for pictures and tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from nnkit.cli.options import option, output_option, switch

if TYPE_CHECKING:
    from nnkit.inference.trained_model import TrainedModel

ProbabilitiesOption = Annotated[
    bool,
    switch("--probabilities", "Also give the probability of each class or yes/no label."),
]
PredictionsOption = Annotated[
    Path | None,
    output_option(
        "Also write a CSV file with one row per picture or table row: path, row, line, "
        "text, confidence, note, error; then a column for each class or, if there are several, "
        "for each number or label. Of texts: path, line, source, rank, text, score."
    ),
]
AnnotateOption = Annotated[
    Path | None,
    option(
        "--annotate",
        "OUT",
        "Write a copy of the picture with boxes around the digits that were read; for "
        "several pictures, the folder for the copies.",
    ),
]
StagesOption = Annotated[
    Path | None,
    option("--debug-dir", "FOLDER", "Write a picture of each stage of reading to this folder."),
]
RejectOption = Annotated[
    float | None,
    option(
        "--reject",
        "P",
        "Print `?` for a symbol if its most likely digit has a probability below P (default 0.1).",
        min=0,
        max=1,
    ),
]


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """The options of `nnkit predict` for pictures of digits; None for those that are not given."""

    annotate: Path | None
    debug_dir: Path | None
    reject: float | None

    def refuse(self) -> None:
        """Checks that none is given, for a model of texts.

        Raises:
            UsageError: one is given.
        """
        from nnkit.errors import UsageError

        if self.annotate or self.debug_dir or self.reject is not None:
            raise UsageError("--annotate, --debug-dir and --reject are for pictures")


@dataclass(frozen=True, slots=True)
class PredictionOutput:
    """The output of `nnkit predict`: what is given for each sample, and where.

    Attributes:
        as_json: whether to print JSON.
        table: a CSV file to write.
        probabilities: whether to add the probability of each class.
    """

    as_json: bool
    table: Path | None
    probabilities: bool

    def check_probabilities(self, models: Iterable[TrainedModel]) -> None:
        """Checks that models give probabilities of classes or labels, if these are wanted.

        Raises:
            UsageError: a model gives none.
        """
        from nnkit.errors import UsageError

        for model in models if self.probabilities else ():
            of_labels = model.labels is not None and model.output_kind == "probability"
            if not (model.gives_probabilities or of_labels):
                raise UsageError(
                    "--probabilities is for models that predict classes or labels with "
                    f"probabilities; {model.config.name} has none"
                )
