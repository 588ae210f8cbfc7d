"""The option --folds of `nnkit train`: cross-validation, and the table of its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from nnkit.cli.output import print_json, say, say_wrapped, show_figure, table

if TYPE_CHECKING:
    from nnkit.experiments.cross_validation import CrossValidation
    from nnkit.task.config import Config
    from nnkit.training.run import Run


def titled_folds(config: Config, folds: int) -> dict[str, Config]:
    """The config for each fold, by the line that announces it."""
    from nnkit.experiments.cross_validation import fold_configs

    return {f"fold {i} of {folds}": each for i, each in enumerate(fold_configs(config, folds), 1)}


def report_folds(
    config: Config, folds: int, trained: Sequence[Run], signal_code: int, *, as_json: bool
) -> None:
    """Prints the results of the folds, and exits if one was interrupted or a gate is missed.

    Args:
        config: the config.
        folds: the number of folds.
        trained: the runs of the folds, of which the last one may be interrupted.
        signal_code: the exit code if it is.
        as_json: whether to print JSON.
    """
    from nnkit.errors import GateError
    from nnkit.experiments.cross_validation import CrossValidation

    if trained[-1].interrupted:
        say(f"saved fold {len(trained)} of {folds}; repeat the command with --resume to continue")
        if as_json:
            print_json({"runs": [str(run.directory) for run in trained], "interrupted": True})
        raise typer.Exit(signal_code)
    found = CrossValidation(trained)
    missed = found.missed(config)
    if as_json:
        print_json({**found.record(), "interrupted": False, "missed": missed})
    else:
        print(fold_table(found), flush=True)
        for number, run in enumerate(trained, 1):
            say_wrapped(*(f"fold {number}: {text}" for text in run.summary["warnings"]))
    for text in missed:
        say(f"error: {text}")
    if missed:
        raise typer.Exit(GateError.exit_code)


def fold_table(found: CrossValidation) -> str:
    """The test metrics of each fold, and their mean and standard deviation."""
    values, means = found.values(), found.means()
    names = [name for name in values if name.startswith("test.")]
    headings = ["fold", "run", *(name.removeprefix("test.") for name in names)]
    rows = [
        (str(i + 1), run.directory.name, *(show_figure(name, values[name][i]) for name in names))
        for i, run in enumerate(found.runs)
    ]
    rows.append(("mean", "", *(show_figure(name, means[name][0]) for name in names)))
    rows.append(("± sd", "", *(show_figure(name, means[name][1]) for name in names)))
    return table(headings, rows)
