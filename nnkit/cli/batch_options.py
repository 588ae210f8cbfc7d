"""Options of `nnkit batch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from nnkit.cli.options import argument, file_option, option, output_option, switch
from nnkit.cli.output_files import check_output_file

FORMATS = (".csv", ".json", ".md")


def _check_report(paths: list[Path] | None) -> list[Path] | None:
    from nnkit.errors import UsageError

    for path in paths or ():
        check_output_file(path)
        if path.suffix not in FORMATS:
            raise UsageError(f"{path}: the name of a table must end in {', '.join(FORMATS)}")
    return paths


BatchArgument = Annotated[Path, argument("FILE")]
OnlyOption = Annotated[
    list[str] | None,
    option(
        "--only",
        "PART",
        "Run only cells whose description contains PART, such as lr=0.1 (repeatable).",
    ),
]
RerunFailedOption = Annotated[
    bool, switch("--rerun-failed", "Train diverged cells again, from the start.")
]
FailFastOption = Annotated[bool, switch("--fail-fast", "Stop at the first cell that fails.")]
MaxFailuresOption = Annotated[
    int | None, option("--max-failures", "N", "Stop when N cells have failed.", min=1)
]
DryRunOption = Annotated[
    bool, switch("--dry-run", "List the cells with predicted time and memory.")
]
TablesOption = Annotated[
    list[Path] | None,
    output_option("Write the table as .csv, .json or .md (repeatable).", callback=_check_report),
]
JUnitOption = Annotated[Path | None, file_option("--junit", "Write runs and gates as JUnit XML.")]
BaselineOption = Annotated[
    Path | None,
    file_option("--write-baseline", "Write the final metrics, for gates with no_worse_than."),
]
