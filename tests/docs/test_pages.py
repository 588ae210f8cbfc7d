"""Tests of the pages: every command is run again and prints what the page shows.

Words must be equal; numbers only as far as they are the same on every machine.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path

import pytest

from docs.refresh import ROOT, TABLE, pages, refreshed
from tests.docs.commands import changes_code, without_processes, workplace

PAGES = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in pages()}
# README's MNIST runs take minutes; they are tested in tests/docs/test_readme.py.
MINUTES = {"Sixty seconds", "Interrupted? Nothing is lost", "Look before and after"}
# Runs of half a second or longer, processes that compile a modified copy of nnkit or start slowly.
SECONDS = {
    "A search",
    "A workflow",
    "An activation: one file",
    "Attention",
    "Autoencoders",
    "Backpropagation through time",
    "Batches",
    "From a sequence to a sequence",
    "Gates",
    "Generated tasks",
    "Initialization",
    "Language models",
    "Optimization",
    "Pooling",
    "Removing runs",
    "Sparse weights",
    "Tag",
    "Texts",
    "Texts of your own",
    "The ladder: how large a model?",
    "The same optimum",
    "Translate",
    "Vanishing and exploding gradients",
    "What a column is",
    "When something is wrong",
    "Write with a language model",
}


def runs(text: str) -> bool:
    """Whether a text contains the output of commands."""
    return "<!-- run: " in text or bool(TABLE.search(text))


SECTIONS = [
    pytest.param(
        name,
        section,
        id=f"{name}: {title}",
        marks=pytest.mark.slow if title in SECONDS else [],
    )
    for name, text in PAGES.items()
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    for title in [section.partition("\n")[0]]
    if name != "README.md" or title not in MINUTES
    if runs(section)
]

# Parts that always vary: times, dates, speeds, run hashes, memory, rounding errors, p-values,
# lengths of rules, the step at which a training diverges.
VARIES = re.compile(
    r"[\d.,]+(?: (?:s|ms|samples/s|[kMG]?B)|/s)\b|(?<=-)[0-9a-f]{8}\b"
    r"|(?<= at step )\d+(?=; the first NaN)|\d{4}-\d\d-\d\d \d\d:\d\d|\d+(?:\.\d+)?e-\d+"
    r"|\bin [\d.]+s|\(p [<=] [\d.]+|─+"
)
# The part of a chart row before the axis; the plotted dots may change with rounding.
PLOTTED = re.compile(r"^( *\S* *[│┤]).*")
DOTS = re.compile("[\u2801-\u28ff]")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e\+?\d+)?(?=( %| pp)?)")
# Commands that train; their results may differ considerably on another processor.
TRAINING = re.compile(r"\$ nnkit (?:train|batch|tune|eval|lr-find|ladder|runs) ")

# Commands that write a text with a network trained before: its words differ on another processor.
WRITING = re.compile(r"\$ nnkit predict --text ")


def same(shown: str, now: str, command: str = "") -> bool:
    """Whether two lines of output agree: equal words, and similar numbers."""
    shown, now = map(steady, (shown, now))
    if WRITING.match(command):
        return bool(shown) == bool(now)
    if NUMBER.sub("#", shown) != NUMBER.sub("#", now):
        return False
    alike = of_one_size if TRAINING.match(command) else near
    pairs = zip(NUMBER.finditer(shown), NUMBER.finditer(now), strict=True)
    return all(a[0] == b[0] or alike(a, b) for a, b in pairs)


def steady(line: str) -> str:
    """Removes the varying parts of a line."""
    return " ".join(VARIES.sub("…", PLOTTED.sub(r"\1", line)).split())


def measured(*numbers: re.Match[str]) -> bool:
    """Whether no number is a count; counts are integers, with commas from 1,000 on."""
    return not any(re.fullmatch(r"\d{1,3}(?:,\d{3})*", number[0]) for number in numbers)


def near(a: re.Match[str], b: re.Match[str]) -> bool:
    """Whether two measured numbers agree within 2 %."""
    return measured(a, b) and abs(value(a) - value(b)) <= 0.02 * value(a) + 0.001


def of_one_size(a: re.Match[str], b: re.Match[str]) -> bool:
    """Whether two measured numbers agree within a factor of four, or six percentage points."""
    low, high = sorted((value(a), value(b)))
    close = high - low <= 6 if a[1] else high <= 4 * low or high - low <= 0.02
    return measured(a, b) and close


def value(number: re.Match[str]) -> float:
    return float(number[0].replace(",", ""))


@pytest.mark.parametrize(("name", "section"), SECTIONS)
def test_commands_print_what_the_page_shows(
    name: str, section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not changes_code(PAGES[name]):
        without_processes(monkeypatch)
    now = refreshed(section, workplace(PAGES[name], tmp_path))
    told = f"`python docs/refresh.py {name}` brings the page up to date"
    command = ""
    for line, line_now in zip_longest(section.splitlines(), now.splitlines(), fillvalue=""):
        command = line if line.startswith("$ ") else command
        assert same(line, line_now, command), f"{told}: {line!r} is now {line_now!r}"
    assert len(DOTS.findall(now)) == pytest.approx(len(DOTS.findall(section)), rel=0.1), told


@pytest.mark.parametrize(
    ("line", "changed", "command"),
    [
        ("validation  180  0.1235  97.30 %", "validation  180  0.1236  97.31 %", "$ nnkit data"),
        ("validation  180  0.1235  97.30 %", "validation  180  0.2235  93.30 %", "$ nnkit train "),
        ("train  442  1455  44.02", "train  442  1448  43.95", "$ nnkit eval "),
        ("80 steps in 0.1 s (565 samples/s)", "80 steps in 2 s (5 samples/s)", ""),
        ("run: runs/unit-b28f75d7", "run: runs/unit-00000000", ""),
        ("  10  60  0.4760  89.42 %   2,895/s ★", "  10  60  0.4760  89.42 %  42,895/s ★", ""),
        ("mlp is better (p = 0.012)", "mlp is better (p < 0.001)", "$ nnkit ladder "),
        ("iris-1  finished  2026-11-30 02:46", "iris-1  finished  2027-01-01 12:00", ""),
        ("test.accuracy  93.33 %  −6.67 pp", "test.accuracy  90.00 %  −2.67 pp", "$ nnkit runs "),
        ("the time traveller some", "the time traveller saw", "$ nnkit predict --text 'the '"),
        ("  2┤    ┆ │  ⡀⢠⠒⠁", "  2┤    ┆⠂   ⡀⡠⠒⠁", ""),
    ],
)
def test_what_varies_is_passed_over(line: str, changed: str, command: str) -> None:
    assert same(line, changed, command)


@pytest.mark.parametrize("command", ["$ nnkit predict a.png", "$ nnkit train a.yaml"])
@pytest.mark.parametrize(
    "changed",
    [
        "",
        "test  1,257  0.1235  97.30 %",
        "train  1,258  0.1235  97.30 %",
        "test  1,258  0.6235  97.30 %",
        "test  1,258  0.0135  97.30 %",
        "test  1,258  0.1235  88.30 %",
        "test  1,258  0.1235  97.30",
        "test  1,258  0.1235  97.30 %  0.5",
        "test  1258  0.1235  97.30 %",
        "test  1,258  1235  97.30 %",
        "test  1,258  nan  97.30 %",
        "test  1,258  0.1235  97.30 % ★",
    ],
)
def test_a_difference_is_seen(changed: str, command: str) -> None:
    assert not same("test  1,258  0.1235  97.30 %", changed, command)


def test_a_small_difference_is_seen_where_nothing_is_trained() -> None:
    assert not same("271828  68.9 %", "271828  88.0 %", "$ nnkit predict")
    assert not same("loss  0.1235", "loss  0.1435", "$ nnkit trace")
