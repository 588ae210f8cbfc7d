"""What the pages show: every command runs anew and prints what the page says."""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path

import pytest

from docs.refresh import BLOCK, ROOT, copy_of_repository, pages, prepare, refreshed

PAGES = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in pages()}
# README's trainings on MNIST take minutes; `python docs/refresh.py README.md` runs them.
SLOW = {"Sixty seconds", "Interrupted? Nothing is lost", "Look before and after"}
SECTIONS = [
    pytest.param(name, section, id=f"{name}: {title}")
    for name, text in PAGES.items()
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    for title in [section.partition("\n")[0]]
    if name != "README.md" or title not in SLOW
    if any(block["role"] == "run" for block in BLOCK.finditer(section))
]
# What is never twice the same: times, speeds, run hashes, memory, and errors of rounding.
VARIES = re.compile(
    r"[\d.,]+(?: (?:s|ms|samples/s|[kMG]?B)|/s)\b|(?<=-)[0-9a-f]{8}\b"
    r"|\d+(?:\.\d+)?e-\d+|\bin [\d.]+s"
)
DECIMAL = re.compile(r"\d+\.\d+")


def same(shown: str, now: str) -> bool:
    """Whether two lines say the same: word for word, but for what varies; decimals within 2 %."""
    shown, now = (" ".join(VARIES.sub("…", line).split()) for line in (shown, now))
    if DECIMAL.sub("#", shown) != DECIMAL.sub("#", now):
        return False
    pairs = zip(DECIMAL.findall(shown), DECIMAL.findall(now), strict=True)
    return all(abs(float(a) - float(b)) <= 0.02 * float(a) + 0.001 for a, b in pairs)


@pytest.mark.parametrize(("name", "section"), SECTIONS)
def test_commands_print_what_the_page_shows(name: str, section: str, tmp_path: Path) -> None:
    copy = copy_of_repository(tmp_path)
    prepare(PAGES[name], copy)
    now = refreshed(section, copy)
    for line, line_now in zip_longest(section.splitlines(), now.splitlines(), fillvalue=""):
        told = f"`python docs/refresh.py {name}` brings the page up to date:\n{now}"
        assert same(line, line_now), told


def test_a_difference_is_seen() -> None:
    line = "train  1,258 samples  loss 0.1235  accuracy 97.30 %"
    assert same(line, line.replace("0.1235", "0.1236"))
    assert not same(line, line.replace("0.1235", "0.1435"))
    assert not same(line, line.replace("1,258", "1,257"))
    assert not same(line, "")
    assert same(
        "trained 80 steps in 0.1 s (565 samples/s)", "trained 80 steps in 2 s (5 samples/s)"
    )
    row = "    1    422   0.2542      0.1345      96.18 %        24,761/s ★"
    assert same(row, row.replace("24,761/s", " 5,031/s"))
    assert not same(row, row.replace("24,761/s ★", "24,761/s"))
    assert same("run: runs/unit-b28f75d7", "run: runs/unit-00000000")
