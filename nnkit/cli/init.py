"""`nnkit init`: a commented config to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnkit.cli.options import argument
from nnkit.cli.output import check_output, say


def init(
    path: Annotated[Path, argument("CONFIG")] = Path("config.yaml"),
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write a config for this CSV table."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="COLUMN", help="The column to predict (default: the last)."
        ),
    ] = None,
) -> None:
    """Write a commented starter config, for MNIST or your own table.

    CONFIG is the file to write, config.yaml by default.
    """
    from nnkit.errors import SettingError, UsageError
    from nnkit.files import write_new
    from nnkit.task.starter import starter_for_csv, starter_for_mnist

    if label is not None and csv is None:
        raise UsageError("--label needs --csv")
    check_output(path)
    try:
        text = starter_for_csv(csv, label, path.parent) if csv is not None else starter_for_mnist()
    except SettingError as error:
        raise UsageError(f"--label {label}: {error.message}") from None
    try:
        write_new(path, text)
    except FileExistsError:
        raise UsageError(f"{path} already exists; choose another name") from None
    say(f"wrote {path}; `nnkit train {path}` trains it")
