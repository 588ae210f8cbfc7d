"""`nnkit eval`: a checkpoint's score."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.program import IRIS, TABLES, Program

CLASSES = ["setosa", "versicolor", "virginica"]


@pytest.mark.parametrize("form", ["name", "hashed name", "folder", "file"])
def test_a_checkpoint_goes_by_name_folder_or_file(
    program: Program, trained: Path, form: str
) -> None:
    what = {
        "name": "iris-mlp",
        "hashed name": trained.name,
        "folder": trained,
        "file": trained / "checkpoints" / "best.safetensors",
    }[form]
    answer = program("eval", what, "--runs", trained.parent)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].split() == ["checkpoint", str(trained / "checkpoints" / "best.safetensors")]
    assert lines[1].split() == ["samples", "30", "(test)"]


def test_as_json(program: Program, trained: Path) -> None:
    found = program("eval", trained, "--json").json
    usual = ["checkpoint", "split", "samples", "loss", "metrics", "warnings"]
    assert list(found) == [*usual, "classes", "averages", "confusion", "confused", "gates"]
    assert found["checkpoint"] == str(trained / "checkpoints" / "best.safetensors")
    assert (found["split"], found["samples"]) == ("test", 30)
    assert 0 <= found["metrics"]["accuracy"] <= 1


@pytest.mark.parametrize(("split", "samples"), [("train", 98), ("validation", 22)])
def test_another_set(program: Program, trained: Path, split: str, samples: int) -> None:
    assert program("eval", trained, "--split", split, "--json").json["samples"] == samples


def test_a_set_that_is_not(program: Program, trained: Path) -> None:
    answer = program("eval", trained, "--split", "tset")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["there is no tset set; available: train, validation, test"]


def test_a_checkpoint_that_is_not(program: Program, trained: Path) -> None:
    answer = program("eval", "nothing", "--runs", trained.parent)
    assert (answer.code, answer.out) == (3, "")
    assert trained.name in answer.errors[0]


def test_a_file_that_is_none(program: Program, tmp_path: Path) -> None:
    answer = program("eval", IRIS)
    assert answer.code == 3
    advice = f"`nnkit train {IRIS}` trains it; give the name of a run"
    assert answer.errors == [f"{IRIS}: this is a config, not a checkpoint; {advice}"]
    (tmp_path / "damaged").write_bytes(b"no checkpoint")
    answer = program("eval", tmp_path / "damaged")
    assert answer.code == 3
    assert answer.errors == [f"{tmp_path / 'damaged'}: not an nnkit checkpoint, or damaged"]


def test_a_network_of_one_layer(program: Program, tmp_path: Path) -> None:
    layers = "architecture.layers=[dense: 3]"
    arguments = ("--set", layers, "--set", "activation={}", "--set", "training.epochs=1")
    run = program("train", IRIS, *arguments, "--json").json["run"]
    assert program("eval", run).code == 0


def test_a_network_trained_without_a_validation_set(program: Program, tmp_path: Path) -> None:
    changes = ("data.split.validation=0", "regularization={}", "training={epochs: 1}")
    arguments = [part for change in changes for part in ("--set", change)]
    run = program("train", IRIS, *arguments, "--json").json["run"]
    assert program("eval", run).code == 0


# What is shown


def test_shows_figures_classes_and_confusions(program: Program, trained: Path) -> None:
    out = program("eval", trained).out
    found = program("eval", trained, "--json").json
    figures, by_class, matrix = (block.splitlines() for block in out.split("\n\n"))
    shown = {line.split()[0]: line.split()[1] for line in figures[2:]}
    assert shown["loss"] == f"{found['loss']:.4f}"
    assert shown["accuracy"] == f"{100 * found['metrics']['accuracy']:.2f}"
    assert shown["mcc"] == f"{found['metrics']['mcc']:.4f}"
    assert [line.split()[0] for line in by_class] == ["class", *CLASSES, "macro", "weighted"]
    for line, row in zip(by_class[1:4], found["classes"], strict=True):
        figures = [f"{row[name]:.4f}" for name in ("precision", "recall", "f1")]
        assert line.split() == [row["class"], *figures, "10"]
    assert matrix[0].split() == ["true", "\\", "predicted", *CLASSES]
    rows = [[int(cell) for cell in line.split()[1:]] for line in matrix[1:]]
    assert rows == found["confusion"]


@pytest.mark.parametrize("scaling", ["none", "standardize"])
def test_numbers_are_judged_by_their_own_figures(
    program: Program, tmp_path: Path, scaling: str
) -> None:
    table = f"{{kind: csv, path: {TABLES / 'diabetes.csv'}, task: regression}}"
    layers = "architecture.layers=[dense: 4, dense: 1]"
    run = program(
        *("train", IRIS, "--set", f"data.source={table}", "--set", layers, "--set", "expect={}"),
        *("--set", "loss=squared_error", "--set", "training={epochs: 1}", "--json"),
        *("--set", f"data.target={scaling}"),
    ).json["run"]
    answer = program("eval", run)
    assert ("loss is that of the scaled targets" in answer.err) is (scaling != "none")
    names = [line.split()[0] for line in answer.out.splitlines()]
    wanted = ["loss", "mae", "rmse", "r2", "explained_variance"]
    assert names == ["checkpoint", "samples", *wanted]
    assert list(program("eval", run, "--json").json["metrics"]) == wanted[1:]
    assert program("eval", run, "--predictions", "p.csv").code == 0
    assert rows_of(tmp_path / "p.csv")[0].keys() == {
        *("index", "row", "line", "target", "predicted")
    }


def write_letters(path: Path, classes: int) -> None:
    """A table in which each class has its own number."""
    names = [f"class-{k}" for k in range(classes)]
    rows = [f"{k},{k % 7},{name}" for _ in range(10) for k, name in enumerate(names)]
    path.write_text("\n".join(["x,y,name", *rows]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("classes", "heading"), [(15, "0"), (25, "samples")])
def test_many_classes(program: Program, tmp_path: Path, classes: int, heading: str) -> None:
    """Columns go by number where names are long; the matrix gives way to a list of pairs."""
    write_letters(tmp_path / "t.csv", classes)
    source = f"data.source={{kind: csv, path: {tmp_path / 't.csv'}, label: name}}"
    layers = f"architecture.layers=[dense: {classes}]"
    changes = ("activation={}", "training={epochs: 1}", "regularization={}")
    run = program(
        *("train", IRIS, "--json", "--set", source, "--set", layers),
        *(part for change in changes for part in ("--set", change)),
    ).json["run"]
    last = program("eval", run).out.split("\n\n")[-1].splitlines()
    assert heading in last[0].split()
    found = program("eval", run, "--json").json
    if classes == 25:
        pairs = [line.split() for line in last[1:11]]
        assert [*map(list, (p.values() for p in found["confused"]))][:3] == [
            [target, answer, int(samples)] for target, answer, samples in pairs[:3]
        ]
        assert last[11] == f"… and {len(found['confused']) - 10} other pairs"
    else:
        assert last[1].split()[:2] == ["0", "class-0"]


# Every prediction


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_writes_every_prediction(program: Program, trained: Path, tmp_path: Path) -> None:
    answer = program("eval", trained, "--predictions", "p.csv", "--json")
    assert answer.err == "wrote p.csv: 30 predictions\n"
    rows = rows_of(tmp_path / "p.csv")
    assert [row["index"] for row in rows] == [str(i) for i in range(30)]
    table = rows_of(TABLES / "iris.csv")
    assert [table[int(row["row"]) - 1]["species"] for row in rows] == [r["target"] for r in rows]
    assert len({row["row"] for row in rows}) == 30
    right = np.mean([row["target"] == row["predicted"] for row in rows])
    assert right == answer.json["metrics"]["accuracy"]
    for row in rows:
        probabilities = {name: float(row[f"probability_{name}"]) for name in CLASSES}
        assert float(row["confidence"]) == probabilities[row["predicted"]]
        assert row["predicted"] == max(probabilities, key=lambda name: probabilities[name])
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-6)


def test_rows_are_counted_as_predict_counts_them(
    program: Program, trained: Path, tmp_path: Path
) -> None:
    program("predict", TABLES / "iris.csv", "-c", trained, "-o", "o.csv")
    program("eval", trained, "--predictions", "p.csv")
    answers = {row["row"]: row["text"] for row in rows_of(tmp_path / "o.csv")}
    for row in rows_of(tmp_path / "p.csv"):
        assert row["predicted"] == answers[row["row"]]


def test_predictions_overwrite_nothing(program: Program, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("mine")
    answer = program("eval", trained, "--predictions", "p.csv")
    assert (answer.code, answer.out) == (2, "")
    (error,) = answer.errors
    assert error.startswith("p.csv already exists; choose another name")
    assert (tmp_path / "p.csv").read_text() == "mine"


def test_predictions_into_no_folder(program: Program, trained: Path) -> None:
    answer = program("eval", trained, "--predictions", "no/p.csv")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["no/p.csv: no such folder: no"]


def test_predictions_under_a_name_that_no_file_can_have(program: Program, trained: Path) -> None:
    name = "p" * 300
    answer = program("eval", trained, "--predictions", name)
    assert (answer.code, answer.out) == (1, "")
    assert answer.errors == [f"{name}: File name too long"]


# Data that was moved


def test_data_that_was_moved(program: Program, tmp_path: Path) -> None:
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    shutil.copy(TABLES / "iris.csv", here)
    source = f"data.source={{kind: csv, path: {here}, label: species}}"
    arguments = ("--set", source, "--set", "training.epochs=1")
    run = program("train", IRIS, *arguments, "--json").json["run"]
    before = program("eval", run, "--json").json
    here.rename(there)
    gone = program("eval", run)
    place = f"data.source.path: {here}"
    assert (gone.code, gone.errors) == (3, [f"{place}: no such file; did you mean 'there.csv'?"])
    assert program("eval", run, "--data", "there.csv", "--json").json == before


# Other labelled data


def other_table(path: Path) -> list[list[str]]:
    """Writes rows of iris with its columns in another order, a note, and an empty line."""
    lines = (TABLES / "iris.csv").read_text(encoding="utf-8").splitlines()
    header, *rows = (line.split(",") for line in [lines[0], *lines[1:150:7]])
    text = [[*reversed(cells), f"note {i}"] for i, cells in enumerate([header, *rows])]
    path.write_text("\n\n".join(map(",".join, text)) + "\n", encoding="utf-8")
    return rows


def test_another_table(program: Program, trained: Path, tmp_path: Path) -> None:
    rows = other_table(tmp_path / "other.csv")
    answer = program("eval", trained, "--data", "other.csv", "--predictions", "p.csv")
    assert answer.code == 0
    assert answer.out.splitlines()[1].split() == ["samples", "22", "(all", "of", "other.csv)"]
    found = program("eval", trained, "--data", "other.csv", "--json").json
    assert (found["split"], found["data"], found["samples"]) == (None, "other.csv", 22)
    lines = (tmp_path / "other.csv").read_text(encoding="utf-8").splitlines()
    written = rows_of(tmp_path / "p.csv")
    assert [row["row"] for row in written] == [str(i + 1) for i in range(22)]
    for row, cells in zip(written, rows, strict=True):
        assert lines[int(row["line"]) - 1].split(",")[:5] == cells[::-1]
        assert row["target"] == cells[-1]
    right = np.mean([row["target"] == row["predicted"] for row in written])
    assert found["metrics"]["accuracy"] == right


@pytest.mark.filterwarnings("default::UserWarning")
def test_rows_without_a_label_are_counted_and_left_out(
    program: Program, trained: Path, tmp_path: Path
) -> None:
    """The model's settings cannot be changed, and a row without a label cannot be evaluated."""
    other_table(tmp_path / "other.csv")
    header, *rows = (tmp_path / "other.csv").read_text(encoding="utf-8").splitlines()
    cells = rows[-1].split(",")
    cells[header.split(",").index("species")] = ""
    (tmp_path / "other.csv").write_text("\n".join([header, *rows[:-1], ",".join(cells)]))
    answer = program("eval", trained, "--data", "other.csv", "--json")
    assert (answer.code, answer.json["samples"]) == (0, 21)
    said = f"other.csv:{len(rows) + 1}: the label 'species' is missing; 1 of 22 rows lacks it"
    assert answer.err.startswith(f"warning: {said}")


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (("--data", "none.csv"), 3, "none.csv: no such file"),
        (("--data", TABLES / "wine.csv"), 3, "no column 'species'"),
        (("--data", "other.csv", "--split", "test"), 2, "is not the data that this model was"),
    ],
)
def test_other_data_that_cannot_be_evaluated(
    program: Program,
    trained: Path,
    tmp_path: Path,
    options: tuple[object, ...],
    code: int,
    why: str,
) -> None:
    other_table(tmp_path / "other.csv")
    answer = program("eval", trained, *options)
    assert (answer.code, answer.out) == (code, "")
    assert why in answer.errors[0]


def test_predictions_are_joined_to_the_rows_of_the_table(
    program: Program, trained: Path, tmp_path: Path
) -> None:
    program("eval", trained, "--predictions", "p.csv")
    lines = (TABLES / "iris.csv").read_text(encoding="utf-8").splitlines()
    for row in rows_of(tmp_path / "p.csv"):
        assert lines[int(row["line"]) - 1].endswith(f",{row['target']}")


class TestGates:
    def train(self, program: Program, bound: str) -> None:
        program("train", IRIS, "-q", "--set", "training={epochs: 2}", "--set", f"expect={bound}")

    def test_missed(self, program: Program) -> None:
        self.train(program, "{test.accuracy: {max: 0.01}, validation.loss: {max: 100}}")
        answer = program("eval", "iris-mlp")
        assert answer.code == 4
        assert re.fullmatch(
            r"error: runs/iris-mlp-\w+: test\.accuracy is .*, expected at most 0\.01 \(.*\)",
            answer.err.strip(),
        )
        assert answer.out.startswith("checkpoint ")
        found = program("eval", "iris-mlp", "--split", "validation", "--json")
        assert (found.code, [gate["metric"] for gate in found.json["gates"]]) == (
            0,
            ["validation.loss"],
        )

    def test_over_seeds(self, program: Program, tmp_path: Path) -> None:
        self.train(program, "{test.accuracy: {min: 0.01, seeds: 2}}")
        for path in sorted((tmp_path / "runs").iterdir()):
            answer = program("eval", path)
            assert (answer.code, "over 2 seeds" in answer.err) == (0, True)
        shutil.rmtree(path)
        answer = program("eval", "iris-mlp")
        assert (answer.code, "needs 2 seeds, but only 1 has" in answer.err) == (4, True)

    def test_are_those_by_which_the_run_was_judged_last(self, program: Program) -> None:
        self.train(program, "{test.accuracy: {max: 0.01}}")
        self.train(program, "{test.accuracy: {min: 0.01}}")
        assert program("eval", "iris-mlp").code == 0

    def test_of_the_test_set_apply_to_other_data(self, program: Program, tmp_path: Path) -> None:
        other_table(tmp_path / "other.csv")
        self.train(program, "{test.accuracy: {max: 0.01}, validation.loss: {max: 0.0001}}")
        found = program("eval", "iris-mlp", "--data", "other.csv", "--json")
        assert (found.code, [gate["metric"] for gate in found.json["gates"]]) == (
            4,
            ["test.accuracy"],
        )

    @pytest.mark.slow
    def test_with_a_baseline_do_not_apply_to_other_data(
        self, program: Program, tmp_path: Path
    ) -> None:
        other_table(tmp_path / "other.csv")
        Path("b.yaml").write_text(f"base: {IRIS}\ngrid: {{training.epochs: [2]}}\n")
        program("batch", "b.yaml", "--write-baseline", "base.json", "-q")
        gate = "{test.accuracy: {no_worse_than: base.json}, test.loss: {min: 0, max: 100}}"
        self.train(program, gate)
        found = program("eval", "iris-mlp", "--data", "other.csv", "--json")
        assert (found.code, [gate["metric"] for gate in found.json["gates"]]) == (0, ["test.loss"])
        assert found.err.endswith(
            "test.accuracy is not compared with its baseline, which was measured on other data\n"
        )


def test_texts_are_compared_with_copies_of_their_sources(program: Program, tmp_path: Path) -> None:
    pairs = [
        (f"{a} {b} {a}", f"{a} {b}") for a in ("hot", "wet", "big") for b in ("dog", "cat", "ox")
    ]
    (tmp_path / "pairs.tsv").write_text("".join(f"{x}\t{y}\n" for x, y in pairs * 4))
    program("init", "pairs.tsv", "--task", "translation")
    answer = program("train", "pairs.yaml", "--set", "training.epochs=1", "--quiet")
    assert answer.code == 0, answer.err
    told = "nnkit train pairs.yaml --set training.epochs=3"
    assert told in answer.err.splitlines()
    (run,) = (tmp_path / "runs").iterdir()
    answer = program("eval", "pairs")
    columns = [line.split(maxsplit=2) for line in answer.out.splitlines()]
    assert ["metric", "beam", "copying the source"] in columns
    told = f"nnkit train runs/{run.name}/config.yaml --set training.epochs=3"
    assert told in answer.err.splitlines()
    found = program("eval", "pairs", "--json").json
    assert found["baseline"]["model"] == "copying the source"
    assert found["baseline"]["metrics"].keys() == found["written"][0]["metrics"].keys()
