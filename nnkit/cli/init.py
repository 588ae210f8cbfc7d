"""`nnkit init`: a commented config to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from nnkit.cli.columns import columns_table
from nnkit.cli.init_options import (
    DecimalOption,
    DelimiterOption,
    HeaderOption,
    LabelOption,
    MissingOption,
    StarterOption,
    TaskKind,
    TaskOption,
    TestDataOption,
    UnitOption,
    ValidationDataOption,
)
from nnkit.cli.options import JsonOption, argument
from nnkit.cli.output import check_output, print_json, result_width, say, say_wrapped

if TYPE_CHECKING:
    from nnkit.task.starters.starter import Starter
    from nnkit.task.starters.table_options import TableTask
    from nnkit.task.starters.text_task import TextTask

CONFIGS = (".yaml", ".yml")


def init(
    data: Annotated[Path | None, argument("DATA")] = None,
    output: StarterOption = None,
    test: TestDataOption = None,
    validation: ValidationDataOption = None,
    label: LabelOption = None,
    task: TaskOption = None,
    delimiter: DelimiterOption = None,
    header: HeaderOption = None,
    missing: MissingOption = None,
    decimal: DecimalOption = None,
    unit: UnitOption = None,
    csv: Annotated[Path | None, typer.Option("--csv", hidden=True)] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a commented starter config for your data.

    DATA is a table (.csv, .tsv, any delimited text), a file of texts (pairs of texts separated by
    a tab, tagged sentences, or plain text), a folder of plain texts, a folder of pictures with a
    folder for each class, or arrays (.npz, .npy); without it, the config is for MNIST.

    For a table, each column is reported: what it contains, and what becomes of it. Whatever had to
    be decided is said, and is in the config with its reason.
    """
    from nnkit.task.starters import starter_for
    from nnkit.task.starters.table_options import TableOptions

    if csv is not None:  # as it was written before
        data, output = csv, output or data
        say(f"`nnkit init --csv` is now `nnkit init {csv}{f' -o {output}' if output else ''}`")
    path = _new_config(data, output)
    of_rows, of_texts = _tasks(task)
    options = TableOptions(
        labels=tuple(label or ()),
        task=of_rows,
        delimiter=_character(delimiter),
        header=header,
        missing=tuple(missing or ()),
        decimal=None if decimal is None else decimal.value,
        units=tuple(unit or ()),
        is_series=task is TaskKind.FORECAST,
        text_task=of_texts,
    )
    sets = {"validation": validation, "test": test}
    held_out = {name: place for name, place in sets.items() if place is not None}
    starter = starter_for(data, options, path.parent, held_out)
    _write(path, starter.text)
    if as_json:
        columns = [column.record() for column in starter.columns]
        print_json({"config": str(path), "columns": columns, "remarks": list(starter.remarks)})
        return
    _report(starter)
    say(f"wrote {path}; `nnkit train {path}` trains it")


def _new_config(data: Path | None, output: Path | None) -> Path:
    """The file to write, named after the data by default.

    Raises:
        UsageError: it exists, cannot be written, or the data is a config itself.
    """
    from nnkit.errors import UsageError

    if data is not None and data.suffix.lower() in CONFIGS:
        raise UsageError(
            f"{data} is a config; `nnkit init -o {data}` writes one for MNIST, "
            f"`nnkit init DATA -o {data}` one for your data"
        )
    path = output or Path(f"{data.stem}.yaml" if data is not None else "config.yaml")
    check_output(path)
    if path.exists():
        raise UsageError(f"{path} already exists; choose another name with -o")
    return path


def _write(path: Path, text: str) -> None:
    """Writes a config.

    Raises:
        UsageError: it exists by now.
    """
    from nnkit.errors import UsageError
    from nnkit.files import write_new

    try:
        write_new(path, text)
    except FileExistsError:
        raise UsageError(f"{path} already exists; choose another name with -o") from None


def _tasks(task: TaskKind | None) -> tuple[TableTask | None, TextTask | None]:
    """The task of rows, or that of texts, in an option."""
    if task in (TaskKind.CLASSIFICATION, TaskKind.REGRESSION):
        return cast("TableTask", task.value), None
    if task in (None, TaskKind.FORECAST):
        return None, None
    return None, cast("TextTask", task.value)


def _character(name: str | None) -> str | None:
    """The delimiter in an option."""
    from nnkit.errors import UsageError

    found = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ","}.get(name or "", name)
    if found is not None and len(found) != 1:
        raise UsageError(f"--delimiter {name}: expected one character, tab or space")
    return found


def _report(starter: Starter) -> None:
    """Says what the columns of a table are, and what was decided."""
    if starter.columns:
        say("\n".join(columns_table([c.record() for c in starter.columns], result_width())))
        say("")
    say_wrapped(*starter.remarks)
