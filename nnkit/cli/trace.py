"""`nnkit trace`: print every number of one training step on one sample."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnkit.cli.checkpoints import chosen_checkpoint
from nnkit.cli.options import (
    JsonOption,
    PageOption,
    RunsOption,
    SampleOption,
    SetOption,
    SplitOption,
    argument,
    switch,
)
from nnkit.cli.output import print_json, results, say
from nnkit.cli.output_files import write_output

if TYPE_CHECKING:
    from nnkit.inspection.trace import Trace


WIDEST = 400  # width of a table, because wrapped lines are better than truncated numbers


class Format(StrEnum):
    """Output format of a trace."""

    TEXT = "text"
    MARKDOWN = "markdown"


def trace(
    what: Annotated[str, argument("CONFIG|CHECKPOINT")],
    sample: SampleOption = 0,
    split: SplitOption = "train",
    overrides: SetOption = None,
    digits: Annotated[
        int, typer.Option("--digits", min=1, max=17, metavar="N", help="Significant digits.")
    ] = 4,
    form: Annotated[
        Format, typer.Option("--format", metavar="text|markdown", help="Output format.")
    ] = Format.TEXT,
    output: PageOption = None,
    force: Annotated[
        bool, switch("--force", "Also trace networks of more than 1,000 parameters.")
    ] = False,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Print every number of one training step on one sample.

    Forward: each layer's z and a, and the loss. Backward: f'(z), delta and the gradient of every
    parameter. Then the first update of the config's optimizer. All with formulas, in float64.
    For sequences, also each step of recurrent layers and attention.

    A CONFIG's network has its initial weights. CHECKPOINT is a checkpoint file, a run's folder, or
    a run's name.
    """
    from nnkit.errors import UsageError

    if output is not None and output.suffix.lower() not in (".html", ".md"):
        raise UsageError(f"{output}: the name of a trace must end in .html or .md")
    found = _trace(what, sample, split, overrides or (), runs, force)
    if as_json:
        from nnkit.inspection.trace_pages import as_json as in_full

        print_json(in_full(found))
    if output is not None:
        _write(found, digits, output)
    elif not as_json:
        _print(found, digits, form)


def _trace(
    what: str,
    sample: int,
    split: str,
    overrides: list[str] | tuple[str, ...],
    runs: Path,
    force: bool,
) -> Trace:
    import nnkit
    from nnkit.errors import UsageError
    from nnkit.inspection.trace import trace, trace_checkpoint

    path = Path(what)
    if path.suffix in (".yaml", ".yml") or (path.is_file() and path.suffix != ".safetensors"):
        return trace(nnkit.load_config(path, overrides), sample, split, force=force)
    if overrides:
        raise UsageError("--set changes a config; the config of a checkpoint is fixed")
    return trace_checkpoint(chosen_checkpoint(what, runs), sample, split, force=force)


def _write(found: Trace, digits: int, path: Path) -> None:
    from nnkit.inspection.trace_pages import as_html, as_markdown

    made = as_html if path.suffix.lower() == ".html" else as_markdown
    write_output(path, made(found, digits))
    say(f"wrote {path}")


def _print(found: Trace, digits: int, form: Format) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.padding import Padding
    from rich.table import Table

    from nnkit.inspection.trace_pages import as_markdown
    from nnkit.inspection.trace_tables import chapters, title_of

    if form is Format.MARKDOWN:
        print(as_markdown(found, digits), end="")
        return
    screen = results()
    screen.width = max(screen.width, WIDEST)
    screen.print(title_of(found), style="bold", soft_wrap=True)
    for chapter in chapters(found, digits):
        screen.print(f"\n{chapter.title.upper()}", style="bold cyan")
        for section in chapter.sections:
            screen.print(f"\n{section.title}", style="bold")
            for formula in section.formulas:
                screen.print(f"  {formula}", style="green", soft_wrap=True)
            for table in section.tables:
                drawn = Table(*table.headings, box=SIMPLE_HEAD, show_edge=False)
                for column in drawn.columns:
                    column.justify, column.no_wrap = "right", True
                for row in table.rows:
                    drawn.add_row(*row)
                screen.print(Padding(drawn, (1, 0, 0, 2), expand=False))
