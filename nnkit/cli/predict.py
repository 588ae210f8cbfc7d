"""`nnkit predict`: a trained network's answer to pictures or table rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from nnkit.cli.options import CheckpointOption, JsonOption, RunsOption
from nnkit.cli.output import print_json, say, say_error

if TYPE_CHECKING:
    from nnkit.data.segment import Digit, Reading
    from nnkit.training.trained import TrainedModel

Answer = dict[str, Any]

TABLES = (".csv", ".tsv", ".npy")
EMPTY = "empty: nothing stands out from the background"


def predict(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|FOLDER",
            help="Pictures, folders of pictures, or .csv or .npy tables.",
            show_default=False,
        ),
    ],
    checkpoint: CheckpointOption = None,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Also write a CSV file, a row for each picture or table row: path, row, text, "
            "confidence, error.",
            show_default=False,
        ),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Draw what was read, with its boxes, into this picture; of several pictures into "
            "this folder.",
            show_default=False,
        ),
    ] = None,
    debug_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Draw what each stage of reading made of the picture into this folder.",
            show_default=False,
        ),
    ] = None,
    reject: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            min=0,
            max=1,
            help="Read as `?` what is a digit, and the one it is taken for, with less than this "
            "probability; 0.3.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Predict what is in each FILE.

    In a picture, a model that was trained on digits reads all that are written there: of any
    size, dark on light or light on dark, in several lines. A table has a sample a row; by default
    the run trained last that reads such tables answers.
    """
    import nnkit
    from nnkit.data.segment import REJECT
    from nnkit.errors import DataError
    from nnkit.pretrained import DIGITS
    from nnkit.runs.directory import find_checkpoint

    if checkpoint is not None:
        path = find_checkpoint(checkpoint, runs)
    elif inputs[0].suffix.lower() in TABLES:
        path = _latest(runs, inputs[0])
        say(f"using {path}")
    else:
        path = DIGITS
    model = nnkit.load_checkpoint(path)
    several = len(inputs) > 1 or inputs[0].is_dir()
    drawings = _Drawings(annotate, debug_dir, several)
    drawings.check(model)
    answers: list[Answer] = []
    failed = False
    with ExitStack() as stack:
        table = None
        if csv_file:
            opened = csv_file.open("w", newline="", encoding="utf-8")
            table = _Table(stack.enter_context(opened))
        for file in _files(inputs):
            try:
                found = _answers(model, file, REJECT if reject is None else reject, drawings)
            except DataError as error:
                failed = True
                found = [{"path": str(file), "error": str(error)}]
                say_error(str(error))
            answers += found if as_json else []
            for answer in found:
                if table:
                    table.write(answer)
                if not as_json and "error" not in answer:
                    print(_shown(answer), flush=True)
    if as_json:
        print_json({"inputs": answers})
    if failed:
        raise typer.Exit(DataError.exit_code)


def _files(inputs: Sequence[Path]) -> Iterator[Path]:
    """The files, and the pictures of the folders by name."""
    from nnkit.data.pictures import SUFFIXES

    for path in inputs:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            yield from sorted(p for p in inside if not p.name.startswith("."))
        else:
            yield path


def _answers(model: TrainedModel, file: Path, reject: float, drawings: _Drawings) -> list[Answer]:
    is_table = file.suffix.lower() in TABLES
    if not is_table and model.reads_digits:
        return [_answer(file, drawings.read(model, file, reject))]
    X = _read(model, file)
    sure = model.confidence(X)
    answers = []
    for i, predicted in enumerate(model.predict(X)):
        answer: Answer = {"path": str(file)}
        if is_table:
            answer["row"] = i + 1
        if model.classes is None:
            answer["values"] = [float(value) for value in predicted]
            answer["text"] = " ".join(f"{value:.6g}" for value in predicted)
        else:
            answer["text"] = str(predicted)
            if sure is not None:
                answer["confidence"] = round(float(sure[i]), 6)
        answers.append(answer)
    return answers


def _answer(file: Path, reading: Reading) -> Answer:
    answer: Answer = {"path": str(file), "text": reading.text}
    if reading.confidence is not None:
        answer["confidence"] = round(reading.confidence, 6)
    answer["digits"] = [_digit(digit) for digit in reading.digits]
    return answer


def _digit(digit: Digit) -> Answer:
    found: Answer = {"label": digit.label}
    if digit.confidence is not None:
        found["confidence"] = round(digit.confidence, 6)
    found["box"] = list(digit.box)
    if digit.label != digit.guess:
        found["guess"] = digit.guess
    return found


def _shown(answer: Answer) -> str:
    """A line a picture or row; lines of a picture are parted by a slash."""
    row = f" row {answer['row']}" if "row" in answer else ""
    text = answer["text"].replace("\n", " / ") if answer["text"] else EMPTY
    certain = answer.get("confidence")
    percent = f"  {100 * certain:.1f} %" if certain is not None else ""
    return f"{answer['path']}{row}: {text}{percent}"


@dataclass
class _Drawings:
    """Where pictures of what was read are drawn.

    Attributes:
        annotated: the file, or for several pictures the folder, of `--annotate`.
        stages: the folder of `--debug-dir`.
        several: whether there may be more than one picture.
    """

    annotated: Path | None
    stages: Path | None
    several: bool
    _taken: set[str] = field(default_factory=set)

    def check(self, model: TrainedModel) -> None:
        """Raises a UsageError if they are wanted of a model that reads no digits."""
        from nnkit.errors import UsageError

        if (self.annotated or self.stages) and not model.reads_digits:
            raise UsageError("--annotate and --debug-dir are for models that read digits")
        if self.annotated and not self.several and not self.annotated.suffix:
            raise UsageError(f"{self.annotated}: name a picture, as {self.annotated}.png")

    def read(self, model: TrainedModel, file: Path, reject: float) -> Reading:
        """Reads a picture, and draws what is wanted of it."""
        from nnkit.data.pictures import open_picture
        from nnkit.data.segment.annotate import annotated
        from nnkit.data.segment.stages import StageFiles, Stages

        name = self._name(file)
        folder = self.stages and (self.stages / name if self.several else self.stages)
        reading = model.read(file, reject, StageFiles(folder) if folder else Stages())
        if self.annotated:
            target = self.annotated / f"{name}.png" if self.several else self.annotated
            target.parent.mkdir(parents=True, exist_ok=True)
            _save(annotated(open_picture(file), reading), target)
        return reading

    def _name(self, file: Path) -> str:
        """The file's name without its suffix, numbered where another has it."""
        name, number = file.stem, 1
        while name in self._taken:
            number += 1
            name = f"{file.stem}-{number}"
        self._taken.add(name)
        return name


def _save(picture: Any, target: Path) -> None:
    from nnkit.errors import UsageError

    try:
        picture.save(target)
    except (ValueError, KeyError):
        raise UsageError(f"{target}: pictures are drawn as .png, .jpg, .webp or .tif") from None


class _Table:
    """A CSV file that is written row by row."""

    COLUMNS = ("path", "row", "text", "confidence", "error")

    def __init__(self, file: IO[str]) -> None:
        import csv

        self._file = file
        self._rows = csv.DictWriter(file, self.COLUMNS, extrasaction="ignore", restval="")
        self._rows.writeheader()

    def write(self, answer: Answer) -> None:
        self._rows.writerow(answer)
        self._file.flush()


def _read(model: TrainedModel, file: Path) -> Any:
    from nnkit.data.sources.arrays import read_npy
    from nnkit.errors import DataError

    if not file.exists():
        raise DataError(f"{file}: no such file")
    suffix = file.suffix.lower()
    if suffix == ".npy":
        return read_npy(str(file))
    if suffix in TABLES:
        return model.read_table(file)
    return model.read_picture(file)


def _latest(runs: Path, file: Path) -> Path:
    """The checkpoint of the run trained last that reads tables of this kind."""
    from nnkit.errors import CheckpointError, UsageError
    from nnkit.runs.checkpoint import read_checkpoint
    from nnkit.runs.directory import find_checkpoint, list_runs

    readers = {".csv": {"csv"}, ".tsv": {"csv"}, ".npy": {"npy", "npz", "mnist", "idx"}}
    wanted = readers[file.suffix.lower()]
    for run in reversed(list_runs(runs)):
        try:
            path = find_checkpoint(str(run.path))
            header = read_checkpoint(path).header
        except CheckpointError:
            continue
        if header["config"]["data"]["source"]["kind"] in wanted:
            return path
    raise UsageError(
        f"no run in {runs}/ can read {file.name}; train one first, or name one with --checkpoint"
    )
