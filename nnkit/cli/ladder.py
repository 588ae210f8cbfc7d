"""`nnkit ladder`: models of growing size on one data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnkit.cli.options import JsonOption, RunsOption, argument, option
from nnkit.cli.output import (
    print_json,
    result_width,
    say,
    show_figure,
    show_seconds,
    table,
    wrapped,
)

if TYPE_CHECKING:
    from nnkit.experiments.ladder import Ladder, Rung, Score
    from nnkit.experiments.rungs import Question

CONFIGS = (".yaml", ".yml")
HEADINGS = {"exact_match": "all labels right", "r2": "R²", "rmse": "RMSE"}


def ladder(
    data: Annotated[Path, argument("DATA")],
    label: Annotated[
        str | None,
        option("--label", "COLUMN", "The column of a CSV file to predict (default: the last)."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            metavar="N",
            help="Seed of the split and the models (default: 0, or that of the config).",
        ),
    ] = None,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Compare models of growing size on one data set.

    DATA is a CSV file, split and preprocessed as by `nnkit init`, or a config, of which the section
    `data` and the seed are used.

    Compares on one test set, for classes: the majority class, logistic regression, a linear SVM,
    softmax regression (with more than two classes), a network with a hidden layer (mlp) and, for
    images, a convolutional one (cnn). For several yes/no labels: the same, with an output for each.
    For numbers: the mean, linear regression, mlp, cnn. Each model is a run in the folder of runs; a
    finished one is not trained again.

    Intervals have a confidence level of 95 %: Wilson's for the accuracy, bootstrap percentiles
    over the test samples for r2 and rmse. Each model is compared with the best before it on the
    same test samples: by McNemar's exact test for classes, by a permutation test of the squared
    errors for numbers. Better means p < 0.05; the p-values are not corrected for the number of
    comparisons.
    """
    from nnkit.cli.interruption import Interruption
    from nnkit.experiments.ladder import climb, record

    question = _question(data, label, seed)
    with Interruption() as interruption:
        found = climb(
            question,
            runs,
            starting=lambda name: say(f"training {name} …"),
            should_stop=interruption.requested,
        )
    if found is None:
        say("saved; repeat the command to continue")
        if as_json:
            print_json({"interrupted": True})
        raise typer.Exit(interruption.exit_code)
    if as_json:
        print_json(record(found))
    else:
        print("\n".join(_report(found, result_width())))
        say(f"runs: {runs}/{question.name}-ladder-*")


def _question(data: Path, label: str | None, seed: int | None) -> Question:
    """The question of a table or a config.

    Raises:
        UsageError: --label does not apply, or names no column.
    """
    import nnkit
    from nnkit.errors import UsageError
    from nnkit.experiments.rungs import question_of_config, question_of_table

    if data.suffix.lower() not in CONFIGS:
        return question_of_table(data, label, seed)
    if label is not None:
        raise UsageError("--label is for CSV files; a config names the label in data.source")
    return question_of_config(nnkit.load_config(data), seed)


def _report(found: Ladder, width: int) -> list[str]:
    """The table of models, what they predict, and the conclusions."""
    sets = ", ".join(f"{count:,} {name}" for name, count in found.samples.items())
    label = found.label or "the label"
    lines = [
        *wrapped(f"predicts {label}, {_what(found)}", width),
        f"samples: {sets}; seed {found.seed}",
    ]
    headings = (HEADINGS.get(name, name) for name in found.rungs[0].scores)
    columns = [cell for heading in headings for cell in (heading, "95 % interval")]
    rows = [_row(rung) for rung in found.rungs]
    lines += ["", *table(("model", "parameters", "time", *columns), rows).splitlines(), ""]
    for sentence in found.sentences():
        lines += wrapped(sentence, width)
    return lines


def _what(found: Ladder) -> str:
    """The number and kind of targets, such as `3 classes`."""
    if found.target_kind == "numbers" and found.outputs == 1:
        return "a number"
    noun = {"classes": "classes", "labels": "yes/no label", "numbers": "numbers"}[found.target_kind]
    plural = "s" if found.target_kind == "labels" and found.outputs > 1 else ""
    return f"{found.outputs:,} {noun}{plural}"


def _row(rung: Rung) -> list[object]:
    seconds = "" if rung.directory is None else show_seconds(rung.seconds)
    row: list[object] = [rung.name, rung.parameters, seconds]
    for name, score in rung.scores.items():
        row += _cells(name, score)
    return row


def _cells(name: str, score: Score) -> tuple[str, str]:
    """A score and its interval: accuracies in percent, others with a suitable precision."""
    numbers = (score.value, score.low, score.high)
    if name in ("accuracy", "exact_match"):
        value, low, high = (f"{100 * number:5.1f}" for number in numbers)
        return f"{value} %", f"{low} to {high} %"
    if name == "r2":  # adding 0 makes a zero of a negative zero
        value, low, high = (f"{round(number, 3) + 0:6.3f}" for number in numbers)
    else:
        value, low, high = (show_figure(name, number) for number in numbers)
    return value, f"{low} to {high}"
