"""`nnkit predict`: predictions for table rows and pictures."""

from __future__ import annotations

import csv
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nnkit
from nnkit.cli.predictions import EMPTY
from nnkit.reading.segmentation import REJECT
from nnkit.task.config_loading import config_from
from tests.cli.program import ROOT, TABLES, Answer, Program


@pytest.fixture(scope="module")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a run that distinguishes dark from light pictures."""
    folder = tmp_path_factory.mktemp("shades")
    for name, grey in (("dark", 30), ("light", 220)):
        (folder / name).mkdir()
        for i in range(10):
            Image.new("L", (8, 8), grey + i).save(folder / name / f"{i}.png")
    source = {"kind": "image_folder", "path": str(folder), "size": [8, 8]}
    config = config_from(
        {
            "name": "shades",
            "data": {"source": source, "preprocess": ["standardize"]},
            "architecture": {"layers": ["flatten", {"dense": 2}]},
            "activation": {},
            "optimizer": {"kind": "sgd", "lr": 0.1},
        }
    )
    return nnkit.train(config, runs=folder / "runs").directory


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Writes the first three rows of the iris table, without the label."""
    lines = (TABLES / "iris.csv").read_text(encoding="utf-8").splitlines()[:4]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(line.rpartition(",")[0] for line in lines))
    return path


def test_rows_of_a_table(program: Program, trained: Path, rows: Path) -> None:
    answer = program("predict", rows, "--checkpoint", trained)
    assert (answer.code, answer.err) == (0, "")
    first, *others = answer.out.splitlines()
    assert first.startswith(f"{rows} row 1: setosa  ")
    assert first.endswith(" %")
    assert len(others) == 2


def test_a_table_may_have_any_name(program: Program, trained: Path, rows: Path) -> None:
    table = rows.rename(rows.with_name("iris.data"))
    assert program("predict", table, "-c", trained).out.count("row") == 3
    picture = rows.with_name("picture")
    Image.new("L", (28, 28), 255).save(picture, format="PNG")
    assert "not pictures" in program("predict", picture, "-c", trained).err


def test_as_json(program: Program, trained: Path, rows: Path) -> None:
    found = program("predict", rows, "-c", trained, "--json").json["inputs"]
    assert [answer["row"] for answer in found] == [1, 2, 3]
    assert {answer["path"] for answer in found} == {str(rows)}
    assert found[0]["text"] == "setosa"
    assert 1 / 3 < found[0]["confidence"] <= 1


def test_rows_of_an_array(program: Program, trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", [[5.1, 3.5, 1.4, 0.2]])
    found = program("predict", "rows.npy", "-c", trained, "--json").json["inputs"]
    assert [answer["text"] for answer in found] == ["setosa"]


def test_pictures(program: Program, shades: Path, tmp_path: Path) -> None:
    Image.new("L", (20, 30), 10).save(tmp_path / "a.png")
    Image.new("RGB", (9, 9), (250, 240, 245)).save(tmp_path / "b.png")
    found = program("predict", "a.png", "b.png", "-c", shades, "--json").json["inputs"]
    assert [answer["text"] for answer in found] == ["dark", "light"]
    assert 0.5 < found[0]["confidence"] <= 1


def test_tables_are_read_by_the_latest_run_that_can(
    program: Program, trained: Path, rows: Path
) -> None:
    answer = program("predict", rows, "--runs", trained.parent)
    assert answer.out.startswith(f"{rows} row 1: setosa")
    assert answer.err == f"using {trained / 'checkpoints' / 'best.safetensors'}\n"


@pytest.mark.parametrize("tables_first", [True, False])
def test_each_input_is_read_by_the_network_for_its_kind(
    program: Program, trained: Path, rows: Path, tables_first: bool
) -> None:
    inputs = [rows, ROOT / "data" / "pictures" / "7.png"]
    answer = program("predict", *inputs[:: 1 if tables_first else -1], "--runs", trained.parent)
    assert answer.code == 0
    assert answer.err == f"using {trained / 'checkpoints' / 'best.safetensors'}\n"
    answers = answer.out.splitlines()
    picture = answers.pop(-1 if tables_first else 0)
    assert picture.startswith(f"{inputs[1]}: 7  ")
    assert [line.startswith(f"{rows} row ") for line in answers] == [True] * 3


def test_an_unsupported_table_among_pictures_is_rejected_before_any_work(
    program: Program, rows: Path, tmp_path: Path
) -> None:
    picture = ROOT / "data" / "pictures" / "7.png"
    answer = program("predict", picture, rows, "--runs", tmp_path / "none")
    assert (answer.code, answer.out) == (2, "")
    assert "can read rows.csv; train one first, or choose one with --checkpoint" in answer.errors[0]


def test_without_any_such_run(program: Program, rows: Path, tmp_path: Path) -> None:
    answer = program("predict", rows, "--runs", tmp_path / "none")
    assert (answer.code, answer.out) == (2, "")
    assert "can read rows.csv; train one first, or choose one with --checkpoint" in answer.errors[0]


def test_pictures_are_read_by_the_included_network(program: Program) -> None:
    picture = ROOT / "data" / "pictures" / "50419.png"
    answer = program("predict", picture)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"{picture}: 50419  ")


@pytest.mark.parametrize("name", ["c.yaml", "best.safetensors"])
def test_a_config_or_a_checkpoint_is_no_input(
    program: Program, trained: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("data: {}\n")
    answer = program("predict", name, "-c", trained)
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors[0].startswith(f"{name}: this is a c")
    assert "not data to predict from; `nnkit " in answer.errors[0]


def test_help_tells_the_default_of_reject(program: Program) -> None:
    assert f"below P (default {REJECT})" in " ".join(program("predict", "--help").out.split())


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("missing.csv", None, "no such file"),
        ("missing.png", None, "no such file"),
        ("empty.csv", b"", "empty"),
        ("words.csv", b"a,b\n1,2\n", "no column 'sepal"),
        ("headless.csv", b"5,3,1,0.2\n4,3,1,0.2\n", "; the first line must name the columns"),
        ("broken.npy", b"none", "not a readable .npy file"),
        ("picture.png", b"none", "this model reads csv data, not pictures"),
    ],
)
def test_a_bad_file_is_reported_and_the_rest_is_predicted_with_exit_3(
    program: Program,
    trained: Path,
    rows: Path,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    why: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    answer = program("predict", name, rows, "-c", trained)
    assert answer.code == 3
    assert len(answer.out.splitlines()) == 3, "the rows of the good file"
    (line,) = answer.errors
    assert line.startswith(name)
    assert why in line


def test_numbers_where_the_target_is_one(program: Program, tmp_path: Path) -> None:
    program("init", TABLES / "diabetes.csv", "-o", "c.yaml")
    run = program("train", "c.yaml", "--set", "training.epochs=1", "--json").json["run"]
    found = program("predict", TABLES / "diabetes.csv", "-c", run, "--json").json["inputs"]
    assert len(found) == 442
    assert found[0]["text"] == repr(found[0]["values"][0])


PICTURES = ROOT / "data" / "pictures"
NUMBER = PICTURES / "50419.png"


@pytest.fixture(scope="session")
def digits(digit_run: nnkit.Run) -> Path:
    """Returns the folder of a run on MNIST."""
    return digit_run.directory


def test_a_number_in_a_picture(program: Program, digits: Path) -> None:
    (found,) = program("predict", NUMBER, "-c", digits, "--json").json["inputs"]
    assert found["path"] == str(NUMBER)
    text = found["text"].replace(" ", "")
    assert text == "".join(digit["label"] for digit in found["digits"])
    assert len(text) == 5
    for digit in found["digits"]:
        x0, y0, x1, y1 = digit["box"]
        assert 0 <= x0 < x1
        assert 0 <= y0 < y1
        assert 0 <= digit["confidence"] <= 1
    assert 0 < found["confidence"] < 1


def test_each_picture_is_a_line_and_a_folder_is_its_pictures(
    program: Program, digits: Path
) -> None:
    answer = program("predict", PICTURES, "-c", digits)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert len(lines) == len([p for p in PICTURES.iterdir() if p.suffix not in (".md", ".py")])
    assert lines[0].startswith(f"{PICTURES / '0-large.png'}: 0  ")


def test_several_lines_are_separated_by_a_slash(
    program: Program, digits: Path, tmp_path: Path
) -> None:
    number = Image.open(NUMBER)
    page = Image.new("L", (number.width, 2 * number.height))
    page.paste(number, (0, 0))
    page.paste(number, (0, number.height))
    page.save(tmp_path / "two.png")
    assert " / " in program("predict", "two.png", "-c", digits).out
    (found,) = program("predict", "two.png", "-c", digits, "--json").json["inputs"]
    assert found["text"].count("\n") == 1


def test_an_empty_picture_says_so(program: Program, digits: Path, tmp_path: Path) -> None:
    Image.new("L", (90, 60), 250).save(tmp_path / "empty.png")
    answer = program("predict", "empty.png", "-c", digits)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "empty.png: empty: nothing stands out from the background\n"
    found = program("predict", "empty.png", "-c", digits, "--json").json["inputs"]
    assert found == [{"path": "empty.png", "text": "", "digits": [], "note": EMPTY}]
    program("predict", "empty.png", "-c", digits, "-o", "out.csv")
    (row,) = rows_of(tmp_path / "out.csv")
    assert row == {"path": "empty.png", "note": EMPTY} | dict.fromkeys(
        ("row", "line", "text", "confidence", "error"), ""
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    """Reads the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def with_a_bad_one(program: Program, digits: Path, *options: object) -> Answer:
    Path("bad.png").write_bytes(b"none")
    return program("predict", "bad.png", PICTURES / "7.png", "-c", digits, *options)


def test_a_bad_picture_among_good_ones(program: Program, digits: Path) -> None:
    answer = with_a_bad_one(program, digits)
    assert answer.code == 3
    assert answer.errors == [
        "bad.png: not a picture in a supported format (PNG, JPEG, WEBP, TIFF, BMP, GIF)"
    ]
    assert answer.out.startswith(f"{PICTURES / '7.png'}: ")
    found = with_a_bad_one(program, digits, "--json").json["inputs"]
    assert "not a picture" in found[0]["error"]
    assert len(found[1]["digits"]) == 1


def test_a_csv_file_has_a_row_a_picture(program: Program, digits: Path, tmp_path: Path) -> None:
    with_a_bad_one(program, digits, "-o", "out.csv")
    bad, good = rows_of(tmp_path / "out.csv")
    assert "not a picture" in bad["error"]
    assert bad["text"] == good["error"] == ""
    assert len(good["text"]) == 1
    assert 0 < float(good["confidence"]) <= 1


def test_a_csv_file_is_written_whole_or_not_at_all(
    program: Program, digits: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("no folder for drawings")
    program("predict", NUMBER, "-c", digits, "-o", "out.csv")
    kept, before = (tmp_path / "out.csv").read_text(), sorted(tmp_path.iterdir())
    answer = program(
        *("predict", NUMBER, NUMBER, "-c", digits, "-o", "out.csv", "--annotate", "taken")
    )
    assert answer.code == 1
    assert (tmp_path / "out.csv").read_text() == kept
    assert sorted(tmp_path.iterdir()) == before
    assert len(rows_of(tmp_path / "out.csv")) == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [("none/out.csv", "none/out.csv: no such folder: none"), (".", ". is a folder")],
)
def test_an_impossible_csv_path_is_rejected_before_any_work(
    program: Program, digits: Path, name: str, why: str
) -> None:
    answer = program("predict", NUMBER, "-c", digits, "-o", name)
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors[0].startswith(why)


def test_what_was_read_is_drawn(program: Program, digits: Path, tmp_path: Path) -> None:
    program("predict", NUMBER, "-c", digits, "--annotate", "out.png", "--debug-dir", "stages")
    with Image.open(NUMBER) as picture, Image.open(tmp_path / "out.png") as drawn:
        assert drawn.width == picture.width
    assert (tmp_path / "stages" / "01-grey.png").exists()
    program("predict", NUMBER, NUMBER, "-c", digits, "--annotate", "all", "--debug-dir", "stages")
    assert {p.name for p in (tmp_path / "all").iterdir()} == {"50419.png", "50419-2.png"}
    assert (tmp_path / "stages" / "50419-2" / "01-grey.png").exists()


def test_rejects(program: Program, digits: Path) -> None:
    (found,) = program("predict", NUMBER, "-c", digits, "--json", "--reject", "1").json["inputs"]
    assert found["text"].replace(" ", "") == "?????"
    assert all(len(digit["guess"]) == 1 for digit in found["digits"])
    assert program("predict", NUMBER, "-c", digits, "--reject", "1.5").code == 2


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--annotate", "out"), "out: give a picture file, such as out.png"),
        (("--annotate", "out.xyz"), "out.xyz: the name of a picture must end in"),
    ],
)
def test_a_drawing_needs_a_name(
    program: Program, digits: Path, options: tuple[str, ...], why: str
) -> None:
    answer = program("predict", NUMBER, "-c", digits, *options)
    assert answer.code == 2
    assert answer.errors[0].startswith(why)


def test_only_models_of_digits_draw(program: Program, trained: Path, rows: Path) -> None:
    answer = program("predict", rows, "-c", trained, "--annotate", "out.png")
    assert answer.code == 2
    assert "models that read digits" in answer.errors[0]


@pytest.mark.parametrize("name", [".hidden.png", "notes.txt"])
def test_a_folder_without_pictures_is_an_error(program: Program, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / name).touch()
    answer = program("predict", "empty")
    assert (answer.code, answer.out) == (3, "")
    (error,) = answer.errors
    assert error.startswith("empty: no pictures in it (.bmp, ")
    again = program("predict", "empty", "--json")
    assert (again.code, again.json["inputs"]) == (3, [{"path": "empty", "error": error}])


def test_an_array_without_samples_is_an_error(
    program: Program, trained: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 4)))
    answer = program("predict", "none.npy", "-c", trained)
    assert (answer.code, answer.out) == (3, "")
    assert answer.errors == ["none.npy: an array of shape (0, 4) contains no samples"]


def test_reject_is_refused_where_no_digits_are_read(program: Program, trained: Path) -> None:
    answer = program("predict", TABLES / "iris.csv", "-c", trained, "--reject", "0.5")
    assert (answer.code, answer.errors) == (2, ["--reject is for models that read digits"])


# Numbers, probabilities, bad rows, and other kinds of input


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a run with two real targets of different size."""
    folder = tmp_path_factory.mktemp("flows")
    rows = [(i % 7, i % 5, 12_344_000.25 + 3 * i, i / 8) for i in range(40)]
    lines = ["a,b,people,share", *(",".join(map(str, row)) for row in rows)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    source = {"kind": "csv", "path": str(folder / "t.csv"), "label": ["people", "share"]}
    config = config_from(
        {
            "name": "flows",
            "data": {"source": source},
            "architecture": {"layers": [{"dense": 2}]},
            "activation": {"output": "identity"},
            "loss": "squared_error",
            "optimizer": {"kind": "sgd", "lr": 0.01},
            "training": {"epochs": 2, "precision": "float64"},
        }
    )
    return nnkit.train(config, runs=folder / "runs").directory


def test_several_numbers_have_a_column_each_with_all_digits(
    program: Program, flows: Path, tmp_path: Path
) -> None:
    (tmp_path / "n.csv").write_text("b,a\n1,2\n3,4\n")
    answer = program("predict", "n.csv", "-c", flows, "-o", "o.csv")
    assert answer.code == 0
    model = nnkit.load_checkpoint(flows)
    expected = model.predict([[2, 1], [4, 3]])
    for row, line, values in zip(
        rows_of(tmp_path / "o.csv"), answer.out.splitlines(), expected, strict=True
    ):
        assert [float(row["predicted_people"]), float(row["predicted_share"])] == values.tolist()
        assert row["text"].split() == [row["predicted_people"], row["predicted_share"]]
        assert line.endswith(f": {values[0]:,.9g}  {values[1]:,.9g}")
    found = program("predict", "n.csv", "-c", flows, "--json").json["inputs"]
    assert [answer["values"] for answer in found] == expected.tolist()
    assert found[0]["predicted"] == dict(zip(("people", "share"), expected[0], strict=True))


def test_a_bad_row_does_not_stop_the_others(
    program: Program, trained: Path, rows: Path, tmp_path: Path
) -> None:
    lines = rows.read_text().splitlines()
    lines[2] = lines[2].replace("4.9", "")
    rows.write_text("\n".join(lines))
    answer = program("predict", rows, "-c", trained, "-o", "o.csv")
    assert answer.code == 3
    assert [line.partition(": ")[0] for line in answer.out.splitlines()] == [
        f"{rows} row 1",
        f"{rows} row 3",
    ]
    (error,) = answer.errors
    assert error.startswith(f"{rows}:3: column 'sepal_length' is missing; fill it in, or train")
    written = rows_of(tmp_path / "o.csv")
    assert [(row["row"], row["line"]) for row in written] == [("1", "2"), ("2", "3"), ("3", "4")]
    assert [row["error"] for row in written] == ["", error, ""]
    found = program("predict", rows, "-c", trained, "--json")
    assert (found.code, found.json["inputs"][1]) == (
        3,
        {"path": str(rows), "row": 2, "line": 3, "error": error},
    )


def test_a_bad_row_of_an_array(program: Program, trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", [[5.1, 3.5, 1.4, 0.2], [5.1, np.nan, 1.4, 0.2]])
    answer = program("predict", "x.npy", "-c", trained)
    assert (answer.code, len(answer.out.splitlines())) == (3, 1)
    assert answer.errors[0].startswith("x.npy row 2: column 'sepal_width' is missing")


def test_a_row_whose_outputs_overflow(program: Program, flows: Path, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("a,b\n1,1e308\n1,2\nx,2\n")
    answer = program("predict", "n.csv", "-c", flows)
    assert answer.code == 3
    assert answer.out.startswith("n.csv row 2: ")
    overflow, word = answer.errors
    assert overflow == "n.csv:2: the inputs are so large that the network's outputs are not finite"
    assert word == "n.csv:4: column 'a': 'x' is not a number"


def test_probabilities_of_each_class(
    program: Program, trained: Path, rows: Path, tmp_path: Path
) -> None:
    names = ["setosa", "versicolor", "virginica"]
    asked = ("predict", rows, "-c", trained, "--probabilities")
    answer = program(*asked, "-o", "o.csv")
    P = nnkit.load_checkpoint(trained).probabilities(np.loadtxt(rows, delimiter=",", skiprows=1))
    assert P is not None
    for i, row in enumerate(rows_of(tmp_path / "o.csv")):
        written = [row[f"probability_{name}"] for name in names]
        assert np.array(written, dtype=np.float32).tolist() == P[i].tolist()
    shown = "".join(f"  {name} {100 * p:.1f} %" for name, p in zip(names, P[0], strict=True))
    assert answer.out.splitlines()[0] == f"{rows} row 1: setosa{shown}"
    found = program(*asked, "--json").json["inputs"][0]["probabilities"]
    assert list(found) == names
    np.testing.assert_allclose(list(found.values()), P[0], rtol=1e-7)


def test_probabilities_of_a_single_digit(program: Program, digits: Path) -> None:
    (found,) = program(
        "predict", PICTURES / "7.png", "-c", digits, "--probabilities", "--json"
    ).json["inputs"]
    assert list(found["probabilities"]) == list("0123456789")
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_probabilities_need_a_model_that_has_them(program: Program, flows: Path) -> None:
    answer = program("predict", TABLES / "iris.csv", "-c", flows, "--probabilities")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors[0].startswith("--probabilities is for models that predict classes")


def piped(
    program: Program, patch: pytest.MonkeyPatch, content: bytes, *arguments: object
) -> Answer:
    with TextIOWrapper(BytesIO(content)) as stream:
        patch.setattr("sys.stdin", stream)
        return program("predict", *arguments)


class TestStandardInput:
    def test_is_a_table(
        self, program: Program, trained: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = piped(program, monkeypatch, rows.read_bytes(), "-", "-c", trained)
        assert (answer.code, answer.err) == (0, "")
        named = program("predict", rows, "-c", trained)
        assert answer.out == named.out.replace(str(rows), "stdin")

    def test_is_a_picture(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = piped(program, monkeypatch, NUMBER.read_bytes(), "-")
        assert answer.out.startswith("stdin: 50419  ")

    def test_is_an_array(
        self, program: Program, trained: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = BytesIO()
        np.save(content, [[5.1, 3.5, 1.4, 0.2]])
        answer = piped(program, monkeypatch, content.getvalue(), "-", "-c", trained)
        assert answer.out.startswith("stdin row 1: setosa")

    def test_errors_name_it(
        self, program: Program, trained: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = piped(program, monkeypatch, b"a,b\n1,2\n", "-", "-c", trained)
        assert answer.code == 3
        assert answer.errors[0].startswith("stdin: no column 'sepal_length'")
        assert piped(program, monkeypatch, b"", "-", "-c", trained).errors[0].startswith("stdin: ")

    @pytest.mark.filterwarnings("default::UserWarning")
    def test_warnings_name_it(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("t.csv").write_text("colour,sold\n" + "red,yes\nblue,no\n" * 10)
        Path("c.yaml").write_text(
            "data: {source: {csv: {path: t.csv}}, preprocess: [{one_hot: {unknown: ignore}}]}\n"
            "architecture: {layers: [dense: 2]}\ntraining: {epochs: 1}\n"
        )
        assert program("train", "c.yaml").code == 0
        answer = piped(program, monkeypatch, b"colour\ngreen\nred\npink\n", "-")
        assert answer.code == 0
        (warning,) = [line for line in answer.err.splitlines() if line.startswith("warning: ")]
        assert warning.startswith("warning: stdin:2: column 'colour': 'green' is not among")
        assert warning.endswith("2 rows are encoded as none of them")

    def test_is_read_once(self, program: Program, trained: Path) -> None:
        answer = program("predict", "-", "-", "-c", trained)
        assert (answer.code, answer.errors) == (
            2,
            ["standard input, -, can be read only once"],
        )


@pytest.mark.parametrize("arrays", [["inputs", "ids"], ["x"]])
def test_archives_of_arrays(
    program: Program, digits: Path, tmp_path: Path, arrays: list[str]
) -> None:
    images = np.zeros((2, 28, 28), dtype=np.uint8)
    named: dict[str, Any] = dict.fromkeys(arrays, images)
    np.savez(tmp_path / "x.npz", **named)
    found = program("predict", "x.npz", "-c", digits, "--json").json["inputs"]
    assert [answer["row"] for answer in found] == [1, 2]
    assert all(answer["text"] in "0123456789" for answer in found)


def test_an_archive_of_other_arrays_is_an_error(
    program: Program, digits: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3), b=np.zeros(3))
    answer = program("predict", "x.npz", "-c", digits)
    assert (answer.code, answer.errors) == (3, ["x.npz: no array 'inputs'; available: a, b"])


def test_without_any_such_run_the_message_lists_the_others(
    program: Program, trained: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "rows.npy", [[5.1, 3.5, 1.4, 0.2]])
    answer = program("predict", "rows.npy", "--runs", trained.parent)
    assert answer.code == 2
    assert answer.errors[0].endswith(f"the latest runs in {trained.parent}/ are {trained.name}")
