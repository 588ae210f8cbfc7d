"""Tables as people have them: numbers, words, dates and ids, with faults drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class MessyTable:
    """A table with faults.

    Attributes:
        content: the file.
        faults: names of the faults.
        numbers: names of the columns that are numbers, as a person would see them.
        label: the column to predict.
    """

    content: bytes
    faults: tuple[str, ...]
    numbers: tuple[str, ...]
    label: str


FAULTS = (
    *("title", "units", "total", "nulls", "thousands", "european", "percent", "dates", "ids"),
    *("mixed words", "latin-1", "quoted newlines", "duplicate headers", "no header", "semicolons"),
    *("tabs", "index", "constant", "empty column", "typo", "utf-16", "spaces", "sep=", "currency"),
    *("blank lines", "few rows", "ragged"),
)


def messy_table(seed: int) -> MessyTable:
    """A table with up to four faults."""
    dice = Random(seed)
    faults = dice.sample(FAULTS, dice.randint(0, 4))
    rows = dice.randint(4, 12) if "few rows" in faults else dice.randint(60, 120)
    columns: dict[str, list[str]] = {}
    if "index" in faults:
        columns[""] = [str(i) for i in range(rows)]
    if "ids" in faults:
        columns["customer"] = [f"C{dice.randrange(10**8):08d}" for _ in range(rows)]
    numbers = ("length", "price", "share")
    columns["length"] = [f"{dice.gauss(5, 2):.3f}" for _ in range(rows)]
    columns["price"] = [f"{dice.uniform(100, 90_000):.2f}" for _ in range(rows)]
    columns["share"] = [f"{dice.uniform(0, 100):.1f}" for _ in range(rows)]
    columns["colour"] = [dice.choice(["red", "green", "blue"]) for _ in range(rows)]
    if "dates" in faults:
        form = dice.choice(["2024-{m:02d}-{d:02d}", "{d}.{m}.2024", "{m}/{d}/2024 14:05"])
        columns["sold on"] = [
            form.format(m=dice.randint(1, 12), d=dice.randint(1, 28)) for _ in range(rows)
        ]
    if "mixed words" in faults:
        columns["answer"] = [dice.choice(["yes", "no", "Yes", "1", "0"]) for _ in range(rows)]
    if "constant" in faults:
        columns["country"] = ["DE"] * rows
    if "empty column" in faults:
        columns["remarks"] = [""] * rows
    if "quoted newlines" in faults:
        columns["colour"][rows // 2] = '"dark\nred, or so"'
    if "latin-1" in faults:
        columns["colour"] = [cell.replace("green", "grün") for cell in columns["colour"]]
    columns["bought"] = ["yes", "no", *(dice.choice(["yes", "no"]) for _ in range(rows - 2))]
    _spoil_numbers(dice, columns, faults)
    return MessyTable(_file(dice, columns, faults), tuple(sorted(faults)), numbers, "bought")


def _spoil_numbers(dice: Random, columns: dict[str, list[str]], faults: list[str]) -> None:
    rows = len(columns["price"])
    if "thousands" in faults:
        columns["price"] = [f'"{float(cell):,.2f}"' for cell in columns["price"]]
    if "percent" in faults:
        columns["share"] = [f"{cell} %" for cell in columns["share"]]
    if "currency" in faults and "thousands" not in faults:
        columns["price"] = [f"${cell}" for cell in columns["price"]]
    if "european" in faults and "semicolons" in faults:
        for name in ("length", "price", "share"):
            columns[name] = [
                cell.strip('"').replace(",", "").replace(".", ",") for cell in columns[name]
            ]
    if "nulls" in faults:
        for name in ("length", "price"):
            for row in dice.sample(range(rows), max(1, rows // 12)):
                columns[name][row] = dice.choice(["NULL", "n/a", "-", "", "None"])
    if "typo" in faults:
        columns["length"][dice.randrange(rows)] = dice.choice(["12O", "missing", "5..1", "~4"])


def _file(dice: Random, columns: dict[str, list[str]], faults: list[str]) -> bytes:
    delimiter = ","
    for fault, mark in (("semicolons", ";"), ("tabs", "\t")):
        if fault in faults:
            delimiter = mark
    if "spaces" in faults:
        delimiter += " "
    names = list(columns)
    if "duplicate headers" in faults:
        names[names.index("colour")] = "length"
    lines = [] if "no header" in faults else [delimiter.join(names)]
    if "units" in faults:
        units = {"length": "cm", "price": "EUR", "share": "%"}
        lines.append(delimiter.join(units.get(name, "") for name in columns))
    lines += [delimiter.join(row) for row in zip(*columns.values(), strict=True)]
    if "total" in faults:
        cells = ["", *["123"] * (len(columns) - 2), "yes"]
        cells[0 if names[0] else 1] = "Total"
        lines.append(delimiter.join(cells))
    if "ragged" in faults:
        lines[len(lines) // 2] += f"{delimiter}x"
    if "blank lines" in faults:
        lines.insert(len(lines) // 2, "")
    if "title" in faults:
        empty = delimiter * (len(columns) - 1) * dice.randint(0, 1)  # as from a spreadsheet
        lines.insert(0, f"Sales of the year{empty or ', all regions'}")
    if "sep=" in faults:
        lines.insert(0, f"sep={delimiter[0]}")
    text = "\n".join(lines) + "\n"
    if "utf-16" in faults:
        return text.encode("utf-16")
    return text.encode("latin-1" if "latin-1" in faults else "utf-8")
