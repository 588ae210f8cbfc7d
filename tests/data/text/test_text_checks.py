"""Tests of checks of sets of texts: what is found, how often, and that good texts pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nnkit.data.text.text_checks import TextLengths, TextReport, TextSet, check_texts
from nnkit.data.text.text_coding import TextCoding

TRAIN = ["the cat sat", "the dog sat", "a cat ran"]


def check(*held_out: str, train: Sequence[str] = TRAIN, **settings: Any) -> TextReport:
    coding = TextCoding.model_validate({"unit": "word", **settings})
    sets = {
        "train": TextSet(train),
        "test": TextSet(held_out, lines=[*range(10, 20)], file="t.tsv"),
    }
    return check_texts(sets, coding.fit(train))


def messages(report: TextReport) -> list[str]:
    return [finding.message for finding in report.findings]


def test_nothing_is_said_of_good_texts() -> None:
    report = check("a dog ran", "the cat ran")
    assert report.findings == ()
    assert report.lengths == {
        "train": TextLengths(3, 9, 3.0, 3),
        "test": TextLengths(2, 6, 3.0, 3),
    }


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        (
            ["a dog ran", "the\u00a0dog sat"],
            (
                "test: 1 of 2 texts (50.00%) are in train, too; sets drawn with "
                "`data.split.by: source` share none: 'the dog sat'"
            ),
        ),
        (
            ["a dog ran", "a dog ran"],
            "test: 1 of 2 samples (50.00%) occur before: 'a dog ran'",
        ),
        (["", "a dog ran", " "], "test: 2 of 3 texts (66.67%) are empty: t.tsv:10, t.tsv:12"),
        (
            ["a dog ran a dog sat"],
            "test: 1 of 1 texts (100.00%) have more than 5 symbols: t.tsv:10 with 6",
        ),
        (
            ["a dot ran"],
            "test: 1 of 3 symbols (33.33%) are not in the vocabulary: ' dot'",
        ),
        (
            ["a dög ran", "à"],
            (
                "test: 2 of 10 characters (20.00%) are not in the training set: "
                "'ö' (U+00F6) ×1, 'à' (U+00E0) ×1"
            ),
        ),
        (
            ["a\u200bdog ran\ufffd"],
            (
                "test: 2 of 10 characters (20.00%) are control characters, invisible or lost: "
                "U+200B ×1, '\ufffd' (U+FFFD) ×1"
            ),
        ),
        (
            ["\u0421’est la vie"],
            "test: 1 of 3 words (33.33%) mix letters of scripts that look alike: '\u0421’est'",
        ),
        (
            ["a\u00a0dog\u202fran\u00a0a cat"],
            "test: 3 of 4 spaces (75.00%) are not U+0020, and become so: U+00A0 ×2, U+202F ×1",
        ),
    ],
)
def test_a_finding_is_said_with_its_share_and_examples(held_out: list[str], message: str) -> None:
    assert message in messages(check(*held_out, longest=5))


def test_only_leaks_are_faults() -> None:
    assert check("a dog", "a dog", "", "\u200b", "dot").faults == ()
    (fault,) = check("a dog", "a cat ran").faults
    assert (fault.kind, fault.place, fault.count, fault.total) == ("leak", "test", 1, 2)


def test_both_sides_of_pairs_are_checked() -> None:
    coding = TextCoding.model_validate("word")
    train = TextSet(["go", "go", "hi"], ["va", "va", "salut"])
    test = TextSet(["go on"], ["continue"])
    encoders = coding.fit(train.sources), coding.fit(train.targets or ())
    report = check_texts({"train": train, "test": test}, *encoders)
    assert [*report.lengths] == ["train source", "test source", "train target", "test target"]
    assert [finding.place for finding in report.findings if finding.kind == "unknown symbols"] == [
        "test source",
        "test target",
    ]
    assert "train: 1 of 3 samples (33.33%) occur before: 'go → va'" in messages(report)


def test_what_cannot_be_seen_is_escaped() -> None:
    said = messages(check("a\ndog"))
    assert "test: 2 of 3 symbols (66.67%) are not in the vocabulary: '\\n', 'dog'" in said


def test_few_examples_are_shown() -> None:
    (message,) = [
        finding.message
        for finding in check(*(f"w{i}" for i in range(9))).findings
        if finding.kind == "unknown symbols"
    ]
    assert message.endswith("' w0', ' w1', ' w2', ' w3', ' w4', …")
