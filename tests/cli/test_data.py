"""`nnkit data`: list, check, show, fetch."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.program import IRIS, ROOT, TABLES, Program


def test_list_names_every_kind_of_source_and_where_mnist_is(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNKIT_DATA", str(ROOT / "data"))
    answer = program("data", "list")
    assert answer.code == 0
    for kind in ("mnist", "idx", "npy", "npz", "csv", "image_folder"):
        assert f"\n{kind}  " in answer.out
    sources, _, _ = answer.out.partition("\n\n")
    assert max(map(len, sources.splitlines())) <= 80
    assert answer.out.endswith(f"\nMNIST: {ROOT / 'data' / 'mnist'}\n")


def test_list_says_where_it_looked_in_vain(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NNKIT_DATA", "chosen")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = program("data", "list", "--json").json
    assert found["mnist"] is None
    assert found["looked_in"] == ["chosen", "data", str(tmp_path / "cache" / "nnkit" / "data")]
    assert "`nnkit data fetch mnist`" in program("data", "list").out


def test_check_counts_every_class_in_every_set(program: Program) -> None:
    answer = program("data", "check", IRIS)
    assert (answer.code, answer.err) == (0, "")
    assert "target     'species', 3 classes" in answer.out
    assert [line.split() for line in answer.out.splitlines()[-5:]] == [
        ["class", "train", "validation", "test"],
        ["setosa", "32", "8", "10"],
        ["versicolor", "33", "7", "10"],
        ["virginica", "33", "7", "10"],
        ["all", "98", "22", "30"],
    ]


def test_check_as_json(program: Program) -> None:
    found = program("data", "check", IRIS, "--json").json
    assert (found["raw_shape"], found["missing"]) == ([4], 0)
    assert found["sets"]["test"] == {"samples": 30, "per_class": [10, 10, 10]}


def test_check_of_damaged_data_is_exit_3_with_the_line(program: Program, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2\n3,y\n")
    answer = program("data", "check", IRIS, "--set", "data.source={kind: csv, path: t.csv}")
    assert (answer.code, answer.out) == (3, "")
    assert answer.errors[0].startswith(f"{tmp_path / 't.csv'}:3: 1 cell, but the rows above have 2")


def test_check_of_a_missing_value_names_the_remedy(program: Program, tmp_path: Path) -> None:
    rows = "".join(f"{i},{'yes' if i % 2 else 'no'}\n" for i in range(20))
    (tmp_path / "t.csv").write_text(f"a,b\n,yes\n{rows}")
    answer = program("data", "check", IRIS, "--set", "data.source={kind: csv, path: t.csv}")
    assert answer.code == 3
    assert "column 'a' has" in answer.errors[0]
    assert "add 'impute' to data.preprocess" in answer.errors[0]


TEXTS = """\
data:
  source: {kind: pairs, path: pairs.tsv, targets: class}
  text: word
  split: {validation: 0, test: 40, BY}
architecture: {layers: [embedding: 4, lstm: 4, dense: 2]}
"""


def test_check_of_texts_tells_vocabulary_lengths_and_leaks(
    program: Program, tmp_path: Path
) -> None:
    rows = "".join(
        f"Is it {'abcde'[i % 5]}\u00a0?\t{'yes' if i % 2 else 'no'}\n" for i in range(200)
    )
    (tmp_path / "pairs.tsv").write_text(rows, encoding="utf-8")
    (tmp_path / "t.yaml").write_text(TEXTS.replace("BY", "by: sample"))
    answer = program("data", "check", "t.yaml")
    assert (answer.code, answer.errors) == (0, [])
    assert "inputs     texts, 9 symbols of unit 'word', with unknown\n" in answer.out
    assert ["train", "160", "640", "4", "4"] in map(str.split, answer.out.splitlines())
    leak = "test: 40 of 40 texts (100.00%) are in train, too"
    assert leak in answer.out
    strict = program("data", "check", "t.yaml", "--strict")
    assert (strict.code, strict.out) == (3, answer.out)
    assert strict.errors[0].startswith(leak)
    (tmp_path / "t.yaml").write_text(TEXTS.replace("BY", "by: source"))
    assert program("data", "check", "t.yaml", "--strict").code == 0
    found = program("data", "check", "t.yaml", "--json").json["texts"]["findings"]
    assert {finding["kind"] for finding in found} >= {"spaces", "duplicates"}


MNIST = ROOT / "configs" / "mnist-mlp.yaml"
TURNED = ("--set", "data.augment=[{rotate: 20}]")


def test_show_draws_pictures_in_dots_no_wider_than_the_page(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNKIT_DATA", str(ROOT / "data"))
    answer = program("data", "show", MNIST, "--count", "5")
    assert (answer.code, answer.err) == (0, "")
    *dots, captions = answer.out.splitlines()
    assert captions.split()[::2] == ["0:", "10800:", "21600:", "32400:", "43200:"]
    assert 6 <= len(dots) <= 7
    assert max(map(len, dots)) <= 80


def test_show_writes_a_sheet_of_augmented_pictures(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NNKIT_DATA", str(ROOT / "data"))
    options = ("--sample", 7, "--sample", 8, "--augment", "--versions", 3, "-o", "sheet.png")
    answer = program("data", "show", MNIST, *options, *TURNED)
    assert (answer.code, answer.out, answer.err) == (0, "", "wrote sheet.png\n")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (4 * 90 + 6, 2 * 106 + 6)


def test_show_prints_rows_as_far_as_they_fit(program: Program) -> None:
    answer = program("data", "show", IRIS, "--sample", 3)
    assert (answer.code, answer.err) == (0, "")
    assert [line.split()[:3] for line in answer.out.splitlines()] == [
        ["sample", "species", "sepal_length"],
        ["3", "setosa", "5"],
    ]
    wide = f"data.source={{kind: csv, path: {TABLES / 'breast_cancer.csv'}}}"
    answer = program("data", "show", IRIS, "--set", wide)
    assert answer.err == "26 more columns do not fit; --json shows all\n"
    assert len(program("data", "show", IRIS, "--set", wide, "--json").json["samples"]) == 10


def test_show_says_what_can_not_be_shown(program: Program) -> None:
    for options, message in (
        (("--augment",), "data.augment is empty"),
        (("--sample", 98), "samples of the training set are numbered 0 to 97"),
        (("-o", "sheet.png"), "samples of shape (4,) are not pictures"),
        (("--augment", *TURNED), "'rotate' changes images"),
    ):
        answer = program("data", "show", IRIS, *options)
        assert answer.code in (2, 3)
        assert message in answer.errors[0]


def test_only_known_data_can_be_fetched(program: Program) -> None:
    answer = program("data", "fetch", "cifar")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["unknown data set 'cifar'; available: mnist"]
