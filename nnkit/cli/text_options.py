"""Options of `nnkit predict` and `nnkit eval` for models that write texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from nnkit.cli.options import option, switch
from nnkit.cli.output_files import check_output_file

if TYPE_CHECKING:
    from nnkit.decoding import AnyDecoding
    from nnkit.inference.trained_model import TrainedModel

# Options of models that write texts.
OF_WRITING = {"decoding", "beam", "n_best", "temperature", "seed", "max_length"}

TextOption = Annotated[
    list[str] | None,
    option("--text", "WORDS", "A text to predict from, instead of files (repeatable)."),
]
DecodingOption = Annotated[
    str | None,
    option(
        "--decoding",
        "YAML",
        "How texts are written, as in a config: greedy, sample, '{beam: {width: 5}}' "
        "(default: as in the config of the run).",
    ),
]
MethodsOption = Annotated[
    list[str] | None,
    option(
        "--decoding",
        "YAML",
        "How texts are written, as in a config: greedy, '{beam: {width: 5}}'; repeatable to "
        "compare methods (default: as in the config of the run).",
    ),
]
BeamOption = Annotated[
    int | None,
    option("--beam", "N", "Write texts by a beam search that keeps N of them at a time.", min=1),
]
NBestOption = Annotated[
    int | None,
    option(
        "--n-best",
        "N",
        "Give the N best texts, or N samples, for each line, with the number of the line.",
        min=1,
    ),
]
ScoresOption = Annotated[
    bool,
    switch("--scores", "Also give the score of each text, or the probability of its class."),
]
TemperatureOption = Annotated[
    float | None,
    option("--temperature", "T", "The temperature of sampling."),
]
SeedOption = Annotated[
    int | None,
    option("--seed", "N", "The seed of sampling."),
]
MaxLengthOption = Annotated[
    int | None,
    option("--max-length", "N", "Write at most N symbols, those of a beginning included.", min=1),
]
AttentionOption = Annotated[
    Path | None,
    option(
        "--attention",
        "FILE",
        "Draw the attention of a translation to its source as .png or .svg (requires "
        "matplotlib), or print it, if FILE is -.",
        callback=lambda path: path if path == Path("-") else check_output_file(path),
    ),
]


def decoding_methods(values: Sequence[str]) -> list[AnyDecoding]:
    """The decoding methods in options.

    Raises:
        ConfigError: a method or one of its settings does not exist.
    """
    from nnkit.inference.decoding_options import decoding_from

    return [decoding_from(value, "--decoding") for value in values]


@dataclass(frozen=True, slots=True)
class TextOptions:
    """The options of `nnkit predict` for models of texts; None for those that are not given."""

    text: Sequence[str] | None = None
    decoding: str | None = None
    beam: int | None = None
    n_best: int | None = None
    scores: bool = False
    temperature: float | None = None
    seed: int | None = None
    max_length: int | None = None
    attention: Path | None = None

    def refuse(self) -> None:
        """Checks that none is given, for a model that is not of texts.

        Raises:
            UsageError: one is given.
        """
        self._refuse(fields(self), "is for models of texts; this is another")

    def decoding_method(self, model: TrainedModel) -> AnyDecoding | None:
        """The decoding method that they choose; None if the model does not write texts.

        Raises:
            UsageError: an option is given that the model cannot use, or that excludes another.
            ConfigError: the method or one of its settings does not exist.
        """
        from nnkit.errors import UsageError
        from nnkit.inference.decoding_options import decoding_from, with_beam, with_options

        if not model.writes:
            of_writing = [field for field in fields(self) if field.name in OF_WRITING]
            self._refuse(of_writing, "is for models that write texts; this one does not")
            return None
        if self.decoding is not None and self.beam is not None:
            raise UsageError(
                f"--beam and --decoding exclude each other: --decoding 'beam: {self.beam}'"
            )
        method = model.writer(model.config.decoding).decoding
        if self.decoding is not None:
            method = decoding_from(self.decoding, "--decoding")
        if self.beam is not None:
            method = with_beam(method, self.beam)
        return with_options(method, self.n_best, self.temperature, self.seed, self.max_length)

    def _refuse(self, refused: Iterable[Field[Any]], why: str) -> None:
        from nnkit.errors import UsageError

        for field in refused:
            if getattr(self, field.name) is not field.default:
                raise UsageError(f"--{field.name.replace('_', '-')} {why}")
