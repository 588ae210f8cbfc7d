"""The option --folds of `nnkit train`: cross-validation, and the table of its results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from nnkit.cli.output import print_json, say, say_wrapped, show_figure, table
from nnkit.cli.several_runs import Options, train_each

if TYPE_CHECKING:
    from nnkit.cli.interruption import Interruption
    from nnkit.experiments.cross_validation import CrossValidation
    from nnkit.task.config import Config


def cross_validate(
    config: Config, folds: int, options: Options, interruption: Interruption, *, as_json: bool
) -> None:
    """Trains a config on each fold, prints the results, and exits with 4 if a gate is missed."""
    from nnkit.errors import GateError
    from nnkit.experiments.cross_validation import CrossValidation, fold_configs

    configs = {
        f"fold {i} of {folds}": each for i, each in enumerate(fold_configs(config, folds), 1)
    }
    trained = [run for _, run in train_each(configs, options)]
    if trained[-1].interrupted:
        say(f"saved fold {len(trained)} of {folds}; repeat the command with --resume to continue")
        if as_json:
            print_json({"runs": [str(run.directory) for run in trained], "interrupted": True})
        raise typer.Exit(interruption.exit_code)
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
