"""Tests of the detection of dialects: delimiter, quote, encoding, header, lines above the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnkit.data.tables.detection import detect_dialect
from nnkit.data.tables.dialect import Dialect
from nnkit.errors import DataError

ROWS = "".join(f"{i}.5,{i * 7 % 5},{'ab'[i % 2]}\n" for i in range(30))
GROUPED = "length,width,name\n" + "1,2,red\n2.5,3,blue\n" * 9
PLAIN = f"x,n,y\n{ROWS}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PLAIN, {}),
        (PLAIN.replace(",", ";"), {"delimiter": ";"}),
        (PLAIN.replace(",", ";").replace(".", ","), {"delimiter": ";"}),
        (PLAIN.replace(",", "\t"), {"delimiter": "\t"}),
        (PLAIN.replace(",", "|"), {"delimiter": "|"}),
        (PLAIN.replace(",", "   "), {"delimiter": " "}),
        (PLAIN.replace(",", ", "), {}),
        (PLAIN.replace(",", "; "), {"delimiter": ";"}),
        (PLAIN.replace("a\n", "'a'\n").replace("b\n", "'b'\n"), {"quote": "'"}),
        (PLAIN.replace("a\n", '"a, or b"\n'), {}),
        (f"sep=,\n{PLAIN}", {"skip_rows": 1}),
        (f"sep=;\n{PLAIN}".replace(",", ";"), {"delimiter": ";", "skip_rows": 1}),
        (f"# exported by a device\n{PLAIN}", {"skip_rows": 1}),
        (f"All of it, by region\n\n{PLAIN}", {"skip_rows": 2}),
        (f"All shops;;\n;;\n{PLAIN.replace(',', ';')}", {"delimiter": ";", "skip_rows": 2}),
        (f"# x y, z\n{PLAIN}", {"skip_rows": 1}),
        (PLAIN.replace("x", "#x"), {}),
        (
            "# of station 7\n" + ROWS.replace("5,", "5  ").replace(",", "\t"),
            {"delimiter": " ", "skip_rows": 1, "header": False},
        ),
        ("name\tage\n" + "Ann Lee\t5\nBob Ray\t6\n" * 9, {"delimiter": "\t"}),
        (ROWS, {"header": False}),
        ("red,no\n" + "red,no\nblue,yes\n" * 9, {"header": False}),
        ("colour,answer\n" + "red,no\nblue,yes\n" * 9, {}),
        (("colour,answer\n" + "red,no\nblue,yes\n" * 20) * 2, {}),  # on each page
        ("2019,2020,2021\n" + "1.5,2.5,3.5\n2,3,4\n" * 9, {}),
        ("1.5,2,3\n" + "1.5,2.5,3.5\n2,3,4\n" * 9, {"header": False}),
        ("a\n" + "1\n2\n" * 9, {}),
        (PLAIN.replace("x", "größe").encode("cp1252"), {"encoding": "cp1252"}),
        (PLAIN.replace("x", "\x81").encode("latin-1"), {"encoding": "latin-1"}),
        (PLAIN.encode("utf-16"), {"encoding": "utf-16"}),
        (PLAIN.encode("utf-8-sig"), {}),
        (f"Size,,Colour\n{GROUPED}", {"skip_rows": 1}),
        (f"Report,,\nSize,,Colour\n{GROUPED}", {"skip_rows": 2}),
        (f"Report,7,\nof,1.5.2024,\n\n{GROUPED}", {"skip_rows": 2}),
        (f"Size,Size,Colour\n{GROUPED}", {"skip_rows": 1}),
        (f"Size,Weight,Colour\n{GROUPED}", {}),  # of which the first row may be of units
        (f",size,colour\n{GROUPED}", {}),
        ("a,,b\n" + "1,x,red\n2,y,blue\n" * 9, {}),
        ("a,,b\nx,NA,red\n" + "u,1,blue\nv,2,red\n" * 9, {}),
        ("a,,b\n" + "u,x,red\nv,y,blue\n" * 9, {}),
    ],
)
def test_the_dialect_of_a_file(
    content: str | bytes, expected: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    detected = detect_dialect(path)
    assert detected.dialect == Dialect(**expected)
    assert set(expected) - {"quote"} == set(detected.remarks)


def test_what_is_known_is_not_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(ROWS)
    assert detect_dialect(path, delimiter=".", header=True).dialect == Dialect(".")


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "empty"), (b"\n \n", "empty"), (b"\0\1\2", "a text file?")]
)
def test_what_is_no_table(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        detect_dialect(path)
