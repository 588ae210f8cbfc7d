"""`nnkit data`: list, check, show and fetch data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnkit.cli.columns import columns_table
from nnkit.cli.options import (
    ConfigArgument,
    JsonOption,
    SamplesOption,
    SetOption,
    SheetOption,
    argument,
    group,
    switch,
)
from nnkit.cli.output import (
    print_json,
    result_width,
    results,
    say,
    say_wrapped,
    show_bytes,
    table,
    wrapped,
)
from nnkit.cli.output_files import check_no_input, write_output

if TYPE_CHECKING:
    from nnkit.inspection.samples import SampleView
    from nnkit.task.config import Config

app = group("List, check, show and fetch data.")


@app.command("list")
def list_data(as_json: JsonOption = False) -> None:
    """List the kinds of data sources, and where MNIST was found."""
    from nnkit.config.spec import members
    from nnkit.data.sources import AnySource
    from nnkit.data.sources.mnist import find_mnist, places

    kinds = [
        {"kind": tag, "about": (member.__doc__ or "").strip().splitlines()[0]}
        for tag, member in members(AnySource).items()
    ]
    found = find_mnist()
    if as_json:
        looked = [str(place) for place in places()]
        print_json({"sources": kinds, "mnist": str(found) if found else None, "looked_in": looked})
        return
    names = max(len(kind["kind"]) for kind in kinds) + 2
    for name, about in [("source", "definition"), *(kind.values() for kind in kinds)]:
        print("\n".join(wrapped(f"{name:{names}}{about}", result_width(), hang=names)))
    print(f"\nMNIST: {found or 'not found; `nnkit data fetch mnist` downloads it'}")


@app.command()
def check(
    config: ConfigArgument,
    strict: Annotated[
        bool,
        switch("--strict", "Fail if a held-out set has texts of the training set."),
    ] = False,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load and check CONFIG's data; report columns, texts and splits.

    For a table, says of each column what it was taken for, and what becomes of it. Of texts, says
    how long they are, and what is unexpected in them.
    """
    import nnkit
    from nnkit.errors import DataError, NnkitError

    loaded = nnkit.load_config(config, overrides or ())
    try:
        report = nnkit.check_data(loaded)
    except NnkitError:
        if not as_json:
            _print_columns(loaded)
        raise
    faults = [f["message"] for f in (report["texts"] or {}).get("findings", ()) if f["is_fault"]]
    if as_json:
        print_json(report)
    else:
        _print_report(loaded, report)
    if strict and faults:
        raise DataError("\n".join(faults))


def _print_report(loaded: Config, report: dict[str, Any]) -> None:
    print(f"source     {loaded.data.source.tag()}")
    for name, place in loaded.data.source.held_out.items():
        print(f"{name:10} {place}")
    if report["texts"]:
        _print_texts(report)
        say_wrapped(*report["notices"])
        return
    print(
        f"inputs     {tuple(report['raw_shape'])} raw, {tuple(report['input_shape'])} preprocessed"
    )
    print(f"target     {report['target']}")
    print(f"missing    {report['missing']:,} values")
    print(f"memory     {show_bytes(report['bytes'])}\n")
    if report["columns"]:
        print("\n".join([*columns_table(report["columns"], result_width()), ""]))
    print("\n".join(_sets(report)))
    say_wrapped(*report["notices"])


def _sets(report: dict[str, Any]) -> list[str]:
    """The sizes of the sets, by class."""
    counts = report["sets"]
    if report["classes"]:
        rows = [
            (name, *(counts[s]["per_class"][i] for s in counts))
            for i, name in enumerate(report["classes"])
        ]
        rows.append(("all", *(counts[s]["samples"] for s in counts)))
        return [table(("class", *counts), rows)]
    return [table(("set", "samples"), [(s, counts[s]["samples"]) for s in counts])]


def _print_texts(report: dict[str, Any]) -> None:
    """Prints vocabularies, lengths, and what is unexpected in the texts."""
    from nnkit.data.text.text_finding import quoted

    texts = report["texts"]
    vocabularies = texts["vocabularies"]
    print(f"inputs     texts, {_vocabulary(vocabularies['inputs'])}")
    targets = vocabularies["targets"]
    print(f"target     {report['target']}{f', {_vocabulary(targets)}' if targets else ''}")
    first = " → ".join(quoted(text) for text in texts["first"].values() if text is not None)
    print(f"first      {first}\n")
    if report["classes"]:
        print(*_sets(report), "", sep="\n")
    rows = [
        (place, one["texts"], one["symbols"], f"{one['median']:g}", one["longest"])
        for place, one in texts["lengths"].items()
    ]
    print(table(("set", "texts", "symbols", "median length", "longest"), rows))
    if texts["findings"]:
        print()
    for finding in texts["findings"]:
        print("\n".join(wrapped(finding["message"], result_width(), hang=2)))


def _vocabulary(found: dict[str, Any]) -> str:
    reserved = f", with {', '.join(found['reserved'])}" if found["reserved"] else ""
    return f"{found['symbols']:,} symbols of unit '{found['unit']}'{reserved}"


def _print_columns(config: Config) -> None:
    """Prints the report by column, if the table can be read, before an error about its columns."""
    from contextlib import suppress

    from nnkit.errors import NnkitError

    with suppress(NnkitError):
        columns = [column.record() for column in config.data.source.column_report()]
        if columns:
            print("\n".join(columns_table(columns, result_width(), remarks=False)), flush=True)


@app.command("show")
def show_data(
    config: ConfigArgument,
    augmented: Annotated[
        bool, switch("--augment", "Also show each sample as changed by data.augment.")
    ] = False,
    samples: SamplesOption = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of samples (default 10; 5 with --augment).",
            show_default=False,
        ),
    ] = None,
    versions: Annotated[
        int, typer.Option(min=1, metavar="N", help="Changed versions per sample, at most.")
    ] = 9,
    output: SheetOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show training samples of CONFIG: pictures or table rows.

    Pictures are drawn in dots; -o writes them to a file.
    """
    import nnkit
    from nnkit.inspection.samples import show_samples
    from nnkit.inspection.sheet import in_dots, write_sheet

    loaded = nnkit.load_config(config, overrides or ())
    check_no_input([output], loaded.data.source.files())
    shown = show_samples(
        loaded,
        samples or (),
        count or (5 if augmented else 10),
        versions if augmented else 0,
    )
    if output is not None:
        write_sheet(shown.sheet(), output, write_output)
    if as_json:
        print_json(shown.summary())
    elif output is not None:
        say(f"wrote {output}")
    elif shown.rows:
        _print_rows(shown)
    else:
        print("\n".join(in_dots(shown.sheet(results().width))))


def _print_rows(shown: SampleView) -> None:
    """Prints the rows of a table, with as many columns as fit in a line."""
    width = results().width
    headings = ["sample", shown.label, *shown.columns]
    rows = [
        (i, target, *row)
        for i, target, row in zip(shown.indices, shown.targets, shown.rows, strict=True)
    ]
    columns = min(len(headings), width // 3 + 1)  # a column is at least 3 wide
    while True:
        text = table(headings[:columns], [row[:columns] for row in rows])
        if columns <= 2 or max(map(len, text.splitlines())) <= width:
            break
        columns -= 1
    print(text)
    if columns < len(headings):
        say(f"{len(headings) - columns} more columns do not fit; --json shows all")


@app.command()
def fetch(
    name: Annotated[str, argument("NAME")],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help="Where to save it (default: $NNKIT_DATA or the user's cache).",
        ),
    ] = None,
    mirror: Annotated[
        str | None, typer.Option("--mirror", metavar="URL", help="Download from here instead.")
    ] = None,
) -> None:
    """Download a data set and verify its SHA-256.

    NAME is mnist.
    """
    import os

    from nnkit.data.fetch import MIRRORS, fetch_mnist
    from nnkit.errors import UsageError
    from nnkit.paths import cache_folder

    if name != "mnist":
        raise UsageError(f"unknown data set '{name}'; available: mnist")
    chosen = os.environ.get("NNKIT_DATA")
    target = folder or (Path(chosen) if chosen else cache_folder() / "data")
    for path in fetch_mnist(target, (mirror,) if mirror else MIRRORS):
        say(f"{path}  {show_bytes(path.stat().st_size)}, checked")
    print(target / "mnist")
