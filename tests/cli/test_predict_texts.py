"""`nnkit predict` and `nnkit eval` for models of texts."""

from __future__ import annotations

import csv
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from nnkit.cli.lines import TextLine, source_column
from nnkit.cli.text_options import TextOptions
from nnkit.errors import UsageError
from tests.cli.program import Program
from tests.inference.text_models import model_of, run_of, sentences

# Only \n ends a line.
SEPARATORS = ("\u2028", "\u0085", "\x0b", "\x0c", "\r")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@pytest.fixture(scope="module")
def translator(folder: Path) -> Path:
    return run_of("translate", folder)


@pytest.fixture(scope="module")
def lines_model(folder: Path) -> Path:
    return run_of("lines", folder)


def test_texts_on_the_command_line(program: Program, translator: Path) -> None:
    answer = program("predict", "--text", "one two", "--text", "three", "-c", translator)
    assert (answer.code, answer.out, answer.err) == (0, "un deux\ntrois\n", "")


def test_without_a_checkpoint_the_latest_run_of_texts_is_used(
    program: Program, translator: Path, tmp_path: Path
) -> None:
    answer = program("predict", "--text", "one", "--runs", translator.parent)
    assert answer.code == 0
    assert answer.err.startswith("using ")
    (tmp_path / "texts.txt").write_text("one\n")
    assert program("predict", "texts.txt", "--runs", translator.parent).code == 0
    (tmp_path / "damaged.txt").write_bytes(b"on\0e\ntwo\n")  # not taken for a picture
    answer = program("predict", "damaged.txt", "--runs", translator.parent)
    assert answer.out == "\ndeux\n"
    assert "damaged.txt:1:3: a NUL character" in answer.err
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert "no run" in program("predict", "table.csv", "--runs", translator.parent).err


def test_a_table_is_read_like_the_one_the_model_was_trained_on(
    program: Program, tmp_path: Path
) -> None:
    rows = (line.split("\t") for line in sentences("number").splitlines())
    cells = "".join(f'{i},{number},"{text}"\n' for i, (text, number) in enumerate(rows))
    (tmp_path / "t.csv").write_text(f"id,sum,text\n{cells}")
    assert program("init", "t.csv", "--label", "sum", "--task", "regression").code == 0
    small = "architecture.layers=[embedding: 4, gru: 4, dense: auto]"
    once = ("--set", "training.epochs=1", "--quiet")
    assert program("train", "t.yaml", "--set", small, *once).code == 0
    (tmp_path / "new.csv").write_text('text,extra\none two,1\nthree\n"six, six",2\n')
    answer = program("predict", "new.csv", "-c", "t", "-o", "out.csv")
    assert answer.code == 3
    assert "error: new.csv:3: 1 cell, but the rows above have 2; leave" in answer.err
    assert len(answer.out.splitlines()) == 3
    with (tmp_path / "out.csv").open(newline="") as file:
        written = [(row["line"], row["source"]) for row in csv.DictReader(file)]
    assert written == [("2", "one two"), ("3", ""), ("4", "six, six")]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    answer = program("predict", "other.csv", "-c", "t")
    assert (answer.code, "no column 'text'" in answer.errors[0]) == (3, True)


def test_as_many_lines_come_out_as_go_in(
    program: Program, translator: Path, tmp_path: Path, folder: Path
) -> None:
    words = ["one", "two three", "six", "four one two five"]
    texts = [f"{words[i % 4]}{SEPARATORS[i % 5] * (i % 3 == 1)} six" for i in range(2000)]
    texts[1::4] = ["", "  "] * 250
    content = "".join(text + ("\r\n" if i % 7 == 0 else "\n") for i, text in enumerate(texts))
    (tmp_path / "in.txt").write_bytes(content.removesuffix("\n").encode())
    answer = program("predict", "in.txt", "-c", translator)
    assert answer.code == 0
    out = answer.out.split("\n")
    assert len(out) == 2001  # with what follows the last line
    assert [i for i, line in enumerate(out[:-1]) if not line] == list(range(1, 2000, 4))
    whole = model_of("translate", folder).predict(texts).tolist()
    assert out[:-1] == whole


def test_standard_input(
    program: Program, translator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"\xef\xbb\xbfone\n\ntwo")))
    answer = program("predict", "-", "-c", translator, "--json")
    found = answer.json["inputs"]
    assert [each["text"] for each in found] == ["un", "", "deux"]
    assert [(each["path"], each["line"]) for each in found] == [("stdin", i) for i in (1, 2, 3)]
    assert found[0]["source"] == "one"
    assert found[0]["finish"] == "end"


def test_lines_that_are_not_text_do_not_stop_the_others(
    program: Program, translator: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.txt").write_bytes(b"one\nab\xff\ntw\0o\nthree\n")
    answer = program("predict", "in.txt", "-c", translator, "-o", "out.csv")
    assert answer.code == 3
    assert answer.out == "un\n\n\ntrois\n"
    assert answer.errors == [
        "in.txt:2:3: byte 0xff is not UTF-8 text",
        "in.txt:3:3: a NUL character; the file is damaged, or not text",
    ]
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["text"] for row in rows] == ["un", "", "", "trois"]
    assert rows[1]["error"] == answer.errors[0]


def test_what_is_not_known_is_said(
    program: Program, translator: Path, lines_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.tsv").write_text("one\nzwölf\n")
    answer = program("predict", "in.tsv", "-c", translator)
    assert answer.code == 0
    assert "1 of 2 symbols is not in the vocabulary: ' zwölf'" in answer.err
    (tmp_path / "in.tsv").write_text("one\tun\n")
    answer = program("predict", "in.tsv", "-c", lines_model)
    assert "a tab is part of the text in in.tsv:1" in answer.err


def test_a_model_of_windows_needs_a_symbol_to_continue(program: Program, folder: Path) -> None:
    answer = program("predict", "--text", "", "-c", run_of("windows", folder))
    assert (answer.code, answer.out) == (0, "\n")
    assert answer.err == "--text 1: nothing to continue; give at least one symbol\n"


def test_the_sources_of_a_file_of_pairs_are_read_as_in_training(
    program: Program, translator: Path, tmp_path: Path
) -> None:
    """As many lines come out as go in, also where a line has no tab or no source."""
    (tmp_path / "in.tsv").write_text("one\tun\nthree\n\tdeux\nsix\tsix\tsix\n")
    answer = program("predict", "in.tsv", "-c", translator)
    assert (answer.code, answer.out) == (0, "un\ntrois\n\nsix\n")
    assert answer.err == "in.tsv: of lines with tabs, column 0 is read, as in training\n"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (0, ["fr", "un", "trois", "six"]),
        (1, ["en", "one", "trois", ""]),
        (-1, ["en", "one", "trois", ""]),
        (2, ["fr\ten", "un\tone", "trois", "six\t"]),
        ("en", ["en", "one", "trois", ""]),
        ("other", ["fr", "un", "trois", "six"]),
    ],
)
def test_a_column_of_lines_with_tabs(column: int | str, expected: list[str]) -> None:
    texts = ["fr\ten", "un\tone", "trois", "six\t"]
    lines = [TextLine("in.tsv", i, text) for i, text in enumerate(texts, 1)]
    found = source_column(lines, column)
    assert [line.text for line in found] == expected
    assert [line.line for line in found] == [1, 2, 3, 4]
    assert source_column([], column) == []


def test_n_best_and_scores(program: Program, translator: Path) -> None:
    answer = program(
        "predict", "--text", "one", "-c", translator, "--beam", 3, "--n-best", 2, "--scores"
    )
    rows = [line.split("\t") for line in answer.out.splitlines()]
    assert [row[0] for row in rows] == ["1", "1"]
    assert float(rows[0][1]) > float(rows[1][1])
    assert rows[0][2] == "un"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--n-best", 2], "greedy decoding finds a single text; add --beam 5"),
        (["--beam", 2, "--n-best", 3], "n_best is 3, but the beam holds only 2"),
        (["--temperature", 0.5], "--temperature is for sampling; add --decoding sample"),
        (["--beam", 2, "--decoding", "greedy"], "--beam and --decoding exclude each other"),
        (["--decoding", "{beam: {wdth: 2}}"], "unknown key; did you mean 'width'?"),
        (["--reject", 0.5], "are for pictures"),
        (["--probabilities"], "--probabilities is for models that predict classes"),
    ],
)
def test_options_that_do_not_suit(
    program: Program, translator: Path, options: list[object], message: str
) -> None:
    answer = program("predict", "--text", "one", "-c", translator, *options)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_options_of_texts_are_for_models_of_texts(program: Program, trained: Path) -> None:
    answer = program("predict", "--text", "one", "-c", trained)
    assert answer.code == 2
    assert "--text is for models of texts" in answer.err
    assert "give either files" in program("predict", "-c", trained).err


@pytest.mark.parametrize("options", [TextOptions(seed=0), TextOptions(temperature=0.0)], ids=str)
def test_an_option_that_is_0_is_given(options: TextOptions) -> None:
    with pytest.raises(UsageError, match="is for models of texts"):
        options.refuse()
    TextOptions().refuse()


@pytest.mark.slow
def test_sampling(program: Program, lines_model: Path) -> None:
    def written(*options: object) -> str:
        return program("predict", "--text", "one ", "-c", lines_model, *options).out

    first = written("--seed", 1)
    assert first == written("--seed", 1)
    assert len({written("--seed", seed) for seed in range(4)}) > 1
    assert len(written("--max-length", 7)) <= 8
    assert written("--temperature", 0.01).startswith("one")


@pytest.mark.slow
def test_attention(program: Program, translator: Path, lines_model: Path, tmp_path: Path) -> None:
    one = ("predict", "--text", "one two", "-c", translator)
    answer = program(*one, "--attention", "-")
    translation, *rows = answer.out.splitlines()
    assert translation == "un deux"
    assert [row.split()[0] for row in rows] == ["un", "deux", "<end>"]
    found = program(*one, "--attention", "-", "--json").json["inputs"][0]["attention"]
    assert [len(row) for row in found["weights"]] == [2, 2, 2]
    assert [sum(row) for row in found["weights"]] == pytest.approx([1, 1, 1], abs=1e-4)
    assert program(*one, "--attention", "out.png").code == 0
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    no_attention = program("predict", "--text", "one", "-c", lines_model, "--attention", "-")
    assert no_attention.code == 3
    assert "no attention" in no_attention.err


@pytest.mark.slow
def test_eval_compares_methods(program: Program, translator: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("one\tun\ntwo\tdeux\nthree\ttrois\n")
    answer = program(
        "eval", translator, "--data", "pairs.tsv", "--decoding", "greedy", "--decoding", "beam: 3",
        "--predictions", "out.csv",
    )  # fmt: skip
    assert answer.code == 0
    assert "given the symbols before each (teacher forcing):" in answer.out
    assert "written from 3 different sources alone (95 % bootstrap intervals):" in answer.out
    assert "search_errors" in answer.out
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["line"] for row in rows] == ["1", "2", "3"]
    assert [row["reference"] for row in rows] == ["un", "deux", "trois"]


def test_a_table_is_read_by_the_latest_run_whose_columns_it_has(
    program: Program, tmp_path: Path
) -> None:
    """Runs that need other columns are passed over; if all do, the latest names its column."""
    flat = ("--set", "training.epochs=1", "--set", "data.split={validation: 0}", "--quiet")
    rows = [line.split("\t") for line in sentences("number").splitlines()]
    (tmp_path / "sums.csv").write_text("sum,text\n" + "".join(f'{n},"{t}"\n' for t, n in rows))
    small = "architecture.layers=[embedding: 2, gru: 2, dense: auto]"
    program("init", "sums.csv", "--label", "sum", "--task", "regression")
    assert program("train", "sums.yaml", "--set", small, *flat).code == 0
    (tmp_path / "sizes.csv").write_text("size,kind\n" + "1.5,big\n0.5,small\n" * 15)
    program("init", "sizes.csv")
    assert program("train", "sizes.yaml", *flat).code == 0

    (tmp_path / "new-sums.csv").write_text("text\none two\n")
    answer = program("predict", "new-sums.csv")
    assert (answer.code, len(answer.out.splitlines())) == (0, 1)
    newer, used = answer.err.splitlines()
    assert newer.startswith("runs/sizes-")
    assert "is more recent, but new-sums.csv: no column 'size'; available: text; are" in newer
    assert used.startswith("using runs/sums-")
    (tmp_path / "new-sizes.csv").write_text("size\n1.5\n")
    answer = program("predict", "new-sizes.csv")
    assert (answer.code, "kind" in answer.out) == (0, False)
    assert answer.err.startswith("using runs/sizes-")
    (tmp_path / "others.csv").write_text("a,b\n1,2\n")
    answer = program("predict", "others.csv")
    assert (answer.code, answer.out) == (3, "")
    assert "no column 'size'; available: a, b" in answer.err
