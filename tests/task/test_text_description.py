"""Tests of what is said of the texts of a task: vocabularies, lengths, findings, what is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnkit.errors import DataError
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.data_check import check_data
from nnkit.task.task_loading import load_task

LINES = [f"{'very ' * (i % 4)}good {'abcdefghij'[i % 10]}\tyes\n" for i in range(20)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "train.tsv").write_text("".join(LINES) + "bad\tno\n", encoding="utf-8")
    (tmp_path / "test.tsv").write_text("good a\tyes\nbad\u00a0o\tno\n", encoding="utf-8")
    return tmp_path


def config(files: Path, **text: Any) -> Config:
    source = {
        "kind": "pairs",
        "path": str(files / "train.tsv"),
        "test": str(files / "test.tsv"),
        "targets": "class",
    }
    return config_from(
        {
            "data": {
                "source": source,
                "text": {"unit": "whitespace", **text},
                "split": {"by": "source", "validation": 4},
            },
            "architecture": {"layers": [{"embedding": 4}, {"lstm": 4}, {"dense": 2}]},
        }
    )


def test_texts_are_described(files: Path) -> None:
    report = check_data(config(files))
    assert report["target"] == "2 classes"
    assert report["input_shape"] == [None]
    texts = report["texts"]
    assert texts["first"]["target"] in ("yes", "no")
    assert texts["vocabularies"]["inputs"]["unit"] == "whitespace"
    assert texts["vocabularies"]["inputs"]["reserved"] == ["unknown"]
    assert texts["vocabularies"]["targets"] is None
    assert texts["lengths"]["test"] == {"texts": 2, "symbols": 4, "median": 2.0, "longest": 2}
    (leak,) = [finding for finding in texts["findings"] if finding["is_fault"]]
    assert (leak["kind"], leak["place"], leak["count"]) == ("leak", "test", 1)


def test_other_data_has_no_texts(files: Path) -> None:
    table = Path(__file__).parents[2] / "data" / "tables" / "iris.csv"
    source = {"kind": "csv", "path": str(table), "label": "species"}
    other = config_from({"data": {"source": source}, "architecture": {"layers": [{"dense": 3}]}})
    assert check_data(other)["texts"] is None


def test_a_text_that_is_too_long_is_refused_with_its_file_and_line(files: Path) -> None:
    with pytest.raises(DataError, match=r"train\.tsv:\d+: 5 symbols, but at most 4 are allowed"):
        check_data(config(files, longest=4))


def test_what_is_cut_is_said_with_files_and_lines(files: Path) -> None:
    task = load_task(config(files, longest=4, too_long="cut"))
    said = [notice for notice in task.notices if "cut" in notice]
    counts = sum(int(notice.split()[1]) for notice in said)
    assert counts == sum(line.split("\t")[0].count(" ") == 4 for line in LINES)
    assert all("inputs are cut to 4 symbols: " in notice for notice in said)
    assert f"{files / 'train.tsv'}:4" in " ".join(said)


def test_targets_longer_than_texts_may_be_written_are_counted(tmp_path: Path) -> None:
    train, test = tmp_path / "train.tsv", tmp_path / "test.tsv"
    train.write_text("one\teins\n" * 4, encoding="utf-8")
    lengths = (1, 22, 23, 30)  # by default 2 · 1 + 20 symbols may be written
    test.write_text("".join(f"one\t{'eins ' * n}\n" for n in lengths), encoding="utf-8")
    document = {
        "data": {
            "source": {"kind": "pairs", "path": str(train), "test": str(test)},
            "split": {"validation": 0},
            "text": "whitespace",
        },
        "architecture": {
            "encoder": [{"embedding": 2}, {"gru": 2}],
            "decoder": [{"embedding": 2}, {"gru": 2}, {"dense": "auto"}],
        },
    }
    (notice,) = said_of_lengths(document)
    assert notice == (
        "test: 2 of 4 targets are longer than decoding.max_length lets the network write; the "
        "longest has 30 symbols"
    )
    assert not said_of_lengths({**document, "decoding": {"greedy": {"max_length": 30}}})


def said_of_lengths(document: dict[str, Any]) -> list[str]:
    return [said for said in load_task(config_from(document)).notices if "max_length" in said]
