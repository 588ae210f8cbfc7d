"""`nnkit eval`: a checkpoint's score on held-out data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnkit.cli.options import CheckpointArgument, JsonOption, RunsOption
from nnkit.cli.output import print_json, show_figure


def evaluate(
    checkpoint: CheckpointArgument,
    split: Annotated[
        str, typer.Option("--split", metavar="SET", help="train, validation or test.")
    ] = "test",
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Score CHECKPOINT on held-out data, split and preprocessed as in training."""
    import nnkit
    from nnkit.runs.directory import find_checkpoint

    path = find_checkpoint(checkpoint, runs)
    samples, figures = nnkit.load_checkpoint(path).evaluate(split)
    if as_json:
        others = {name: value for name, value in figures.items() if name != "loss"}
        print_json(
            {
                "checkpoint": str(path),
                "split": split,
                "samples": samples,
                "loss": figures["loss"],
                "metrics": others,
            }
        )
        return
    print(f"checkpoint  {path}")
    print(f"samples     {samples:,} ({split})")
    for name, value in figures.items():
        print(f"{name:10}  {show_figure(name, value)}")
