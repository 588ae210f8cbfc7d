"""docs/python.md and examples/: the code runs, and prints what it says."""

from __future__ import annotations

import re
import runpy
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from docs.refresh import ROOT
from tests.docs.commands import workplace

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

# Lines that an example prints, whatever the processor.
PRINTED = {
    "arrays.py": r"sin\( 1\.5\) =  1\.00, predicted  (0\.9|1\.0)",
    "listener.py": r"131 parameters, 140 steps\n(step \d+: accuracy \d.*\n)+done\ntest loss",
    "pictures.py": r"7\.png: 7\n  7 at .*\n50419\.png: 50419\n",
    "table.py": r"harbour: fast, .*\nnorth: slow, .*\nold town: ",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Changes to a folder with the configs and the data of the repository."""
    folder = workplace("", tmp_path)
    monkeypatch.chdir(folder)
    return folder


def test_the_page_prints_what_it_says(place: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    said = re.findall(r"^ *print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert len(said) == code.count("print(")
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "docs/python.md", "exec"), {"__name__": "page"})
    assert printed.getvalue().splitlines() == said


def test_every_example_has_its_lines() -> None:
    assert {path.name for path in EXAMPLES} == set(PRINTED)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs(path: Path, place: Path) -> None:
    printed = StringIO()
    with redirect_stdout(printed):
        runpy.run_path(str(path), run_name="__main__")
    assert re.search(PRINTED[path.name], printed.getvalue())
    assert f"python examples/{path.name}`" in path.read_text(encoding="utf-8")
