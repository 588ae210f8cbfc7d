"""Options of `nnkit predict` and `nnkit eval` for models that write texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnkit.cli.output_files import check_output_file

if TYPE_CHECKING:
    from nnkit.decoding import AnyDecoding
    from nnkit.inference.trained_model import TrainedModel

TextOption = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="WORDS",
        help="A text to predict from, instead of files (repeatable).",
        show_default=False,
    ),
]
DecodingOption = Annotated[
    str | None,
    typer.Option(
        "--decoding",
        metavar="YAML",
        help="How texts are written, as in a config: greedy, sample, '{beam: {width: 5}}' "
        "(default: as in the config of the run).",
        show_default=False,
    ),
]
MethodsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--decoding",
        metavar="YAML",
        help="How texts are written, as in a config: greedy, '{beam: {width: 5}}'; repeatable to "
        "compare methods (default: as in the config of the run).",
        show_default=False,
    ),
]
BeamOption = Annotated[
    int | None,
    typer.Option(
        "--beam",
        metavar="N",
        min=1,
        help="Write texts by a beam search that keeps N of them at a time.",
        show_default=False,
    ),
]
NBestOption = Annotated[
    int | None,
    typer.Option(
        "--n-best",
        metavar="N",
        min=1,
        help="Give the N best texts, or N samples, for each line, with the number of the line.",
        show_default=False,
    ),
]
ScoresOption = Annotated[
    bool,
    typer.Option(
        "--scores", help="Also give the score of each text, or the probability of its class."
    ),
]
TemperatureOption = Annotated[
    float | None,
    typer.Option(
        "--temperature", metavar="T", help="The temperature of sampling.", show_default=False
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="The seed of sampling.", show_default=False),
]
MaxLengthOption = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        metavar="N",
        min=1,
        help="Write at most N symbols, those of a beginning included.",
        show_default=False,
    ),
]
AttentionOption = Annotated[
    Path | None,
    typer.Option(
        "--attention",
        metavar="FILE",
        help="Draw the attention of a translation to its source as .png or .svg (requires "
        "matplotlib), or print it, if FILE is -.",
        show_default=False,
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


def chosen_decoding(
    model: TrainedModel,
    decoding: str | None,
    beam: int | None = None,
    n_best: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    max_length: int | None = None,
) -> AnyDecoding | None:
    """The decoding method that options choose; None if the model does not write texts.

    Raises:
        UsageError: the model does not write texts, but an option is given, or does not suit others.
        ConfigError: the method or one of its settings does not exist.
    """
    from nnkit.errors import UsageError
    from nnkit.inference.decoding_options import decoding_from, with_beam, with_options

    given = {
        "--decoding": decoding,
        "--beam": beam,
        "--n-best": n_best,
        "--temperature": temperature,
        "--seed": seed,
        "--max-length": max_length,
    }
    if not model.writes:
        for option, value in given.items():
            if value is not None:
                raise UsageError(f"{option} is for models that write texts; this one does not")
        return None
    if decoding is not None and beam is not None:
        raise UsageError(f"--beam and --decoding exclude each other: --decoding 'beam: {beam}'")
    method = model.writer(model.config.decoding).decoding
    if decoding is not None:
        method = decoding_from(decoding, "--decoding")
    if beam is not None:
        method = with_beam(method, beam)
    return with_options(method, n_best, temperature, seed, max_length)
