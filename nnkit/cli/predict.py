"""`nnkit predict`: predictions of a trained network for pictures or table rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnkit.cli.checkpoints import chosen_checkpoint
from nnkit.cli.options import CheckpointOption, JsonOption, RunsOption, argument
from nnkit.cli.output import check_output, print_json, say, say_error
from nnkit.cli.streams import output_failure

if TYPE_CHECKING:
    from PIL.Image import Image

    from nnkit.inference.trained_model import TrainedModel
    from nnkit.reading.segmentation import Digit, Reading

Answer = dict[str, Any]

PICTURES = "pictures"
TABLES = {".csv": "csv", ".tsv": "csv", ".npy": "npy"}
# The data sources whose models accept tables of each kind.
READERS = {"csv": {"csv"}, "npy": {"npy", "npz", "mnist", "idx"}}

COLUMNS = ("path", "row", "text", "confidence", "note", "error")  # columns of --csv
EMPTY = "empty: nothing stands out from the background"  # `note` of a picture without digits


def predict(
    inputs: Annotated[list[Path], argument("FILE|FOLDER")],
    checkpoint: CheckpointOption = None,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Also write a CSV file with one row per picture or table row: path, row, text, "
            "confidence, note, error.",
            show_default=False,
        ),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Write a copy of the picture with boxes around the digits that were read; for "
            "several pictures, the folder for the copies.",
            show_default=False,
        ),
    ] = None,
    debug_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write a picture of each stage of reading to this folder.",
            show_default=False,
        ),
    ] = None,
    reject: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            min=0,
            max=1,
            help="Print `?` for a symbol if its most likely digit has a probability below P "
            "(default 0.05).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Predict from pictures, or from the rows of tables.

    Each FILE is a picture or a .csv, .tsv or .npy table with one sample per row; a FOLDER stands
    for the pictures in it.

    Without --checkpoint, pictures are read by the pretrained digit reader: any number of digits, of
    any size, dark on light or light on dark, in several lines. For tables, the most recent run that
    was trained on tables is used.
    """
    from nnkit.errors import DataError, UsageError
    from nnkit.reading.segmentation import REJECT

    check_output(csv_file)
    networks = _networks(inputs, checkpoint, runs)
    drawings = _Drawings(annotate, debug_dir, len(inputs) > 1 or inputs[0].is_dir())
    drawings.check(networks.values())
    if reject is not None and not any(map(_can_read_digits, networks.values())):
        raise UsageError("--reject is for models that read digits")
    output = _Output(as_json, csv_file)
    for answer in _answers(networks, inputs, REJECT if reject is None else reject, drawings):
        output.tell(answer)
        if output_failure() and not (csv_file or annotate or debug_dir):
            break  # the reader has gone, and no other output was requested
    output.finish()
    if output.failed:
        raise typer.Exit(DataError.exit_code)


def _networks(
    inputs: Sequence[Path], checkpoint: str | None, runs: Path
) -> Mapping[str, TrainedModel]:
    """The network for each kind of input, all loaded before any input is read."""
    import nnkit
    from nnkit.reading.pretrained import DIGITS

    if checkpoint is not None:
        model = nnkit.load_checkpoint(chosen_checkpoint(checkpoint, runs))
        return dict.fromkeys(map(_kind, inputs), model)
    first = {_kind(path): path for path in reversed(inputs)}
    found = {}
    for kind, path in first.items():
        place = DIGITS if kind == PICTURES else _latest(runs, path)
        if kind != PICTURES:
            say(f"using {place}")
        found[kind] = nnkit.load_checkpoint(place)
    return found


def _kind(path: Path) -> str:
    """The kind of an input: one of `TABLES`, or pictures."""
    return PICTURES if path.is_dir() else TABLES.get(path.suffix.lower(), PICTURES)


def _latest(runs: Path, file: Path) -> Path:
    """The checkpoint of the most recent run that accepts tables of this kind."""
    from nnkit.errors import CheckpointError, UsageError
    from nnkit.runs.directory import best_checkpoint, list_runs
    from nnkit.runs.header import read_header

    for run in reversed(list_runs(runs)):
        try:
            path = best_checkpoint(run)
            kind = read_header(path)["config"]["data"]["source"]["kind"]
        except (CheckpointError, KeyError, TypeError):
            continue
        if kind in READERS[_kind(file)]:
            return path
    raise UsageError(
        f"no run in {runs}/ can read {file.name}; train one first, or choose one with --checkpoint"
    )


def _answers(
    networks: Mapping[str, TrainedModel],
    inputs: Sequence[Path],
    reject: float,
    drawings: _Drawings,
) -> Iterator[Answer]:
    """Yields a prediction for each picture or row, or an error for each unreadable file."""
    from nnkit.errors import DataError

    for file in _files(inputs):
        model = networks[_kind(file)]
        try:
            _check_exists(file)
            if _kind(file) == PICTURES and _can_read_digits(model):
                yield _read_digits(model, file, reject, drawings)
            else:
                yield from _predicted(model, file)
        except DataError as error:
            yield {"path": str(file), "error": str(error)}


def _files(inputs: Sequence[Path]) -> Iterator[Path]:
    """Yields files, and the pictures in folders by name; an empty folder is yielded itself."""
    from nnkit.data.pictures import SUFFIXES

    for path in inputs:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            yield from sorted(p for p in inside if not p.name.startswith(".")) or [path]
        else:
            yield path


def _check_exists(file: Path) -> None:
    """Raises a DataError if a file does not exist or a folder contains no pictures."""
    from nnkit.data.pictures import SUFFIXES
    from nnkit.errors import DataError

    if file.is_dir():
        raise DataError(f"{file}: no pictures in it ({', '.join(sorted(SUFFIXES))})")
    if not file.exists():
        raise DataError(f"{file}: no such file")


def _predicted(model: TrainedModel, file: Path) -> Iterator[Answer]:
    """Yields the prediction for each row of a table, or for a picture as a whole."""
    X = _inputs(model, file)
    sure = model.confidence(X)
    for i, predicted in enumerate(model.predict(X)):
        answer: Answer = {"path": str(file)}
        if _kind(file) != PICTURES:
            answer["row"] = i + 1
        if model.classes is None:
            answer["values"] = [float(value) for value in predicted]
            answer["text"] = " ".join(f"{value:.6g}" for value in predicted)
        else:
            answer["text"] = str(predicted)
            if sure is not None:
                answer["confidence"] = round(float(sure[i]), 6)
        yield answer


def _inputs(model: TrainedModel, file: Path) -> Any:
    """Reads a file as raw inputs (n, …)."""
    from nnkit.data.sources.arrays import read_npy
    from nnkit.errors import DataError

    if _kind(file) == PICTURES:
        from nnkit.reading.reader import picture_as_input

        return picture_as_input(model, file)
    if _kind(file) == "npy":
        found = read_npy(str(file))
        if found.size == 0:
            raise DataError(f"{file}: an array of shape {found.shape} contains no samples")
        return found
    return model.read_table(file)


def _can_read_digits(model: TrainedModel) -> bool:
    from nnkit.reading.reader import can_read_digits  # imports Pillow

    return can_read_digits(model)


def _read_digits(model: TrainedModel, file: Path, reject: float, drawings: _Drawings) -> Answer:
    """Reads all digits in a picture and writes the requested drawings."""
    reading = drawings.read(model, file, reject)
    answer: Answer = {"path": str(file), "text": reading.text}
    if reading.confidence is not None:
        answer["confidence"] = round(reading.confidence, 6)
    answer["digits"] = [_digit(digit) for digit in reading.digits]
    if not reading.digits:
        answer["note"] = EMPTY
    return answer


def _digit(digit: Digit) -> Answer:
    found: Answer = {"label": digit.label}
    if digit.confidence is not None:
        found["confidence"] = round(digit.confidence, 6)
    found["box"] = list(digit.box)
    if digit.label != digit.guess:
        found["guess"] = digit.guess
    return found


@dataclass
class _Output:
    """Writes predictions: to standard output as they come, as JSON at the end, or to a CSV file.

    Attributes:
        as_json: whether to print JSON.
        table: the CSV file, written at the end, completely or not at all.
        failed: whether any prediction is an error.
    """

    as_json: bool
    table: Path | None
    failed: bool = False
    _kept: list[Answer] = field(default_factory=list)

    def tell(self, answer: Answer) -> None:
        """Prints a prediction, or keeps it for the end."""
        if self.as_json or self.table is not None:
            self._kept.append(answer)
        if "error" in answer:
            self.failed = True
            say_error(answer["error"])
        elif not self.as_json:
            print(_shown(answer), flush=True)

    def finish(self) -> None:
        """Writes the CSV file and the JSON, which contain all predictions."""
        from nnkit.files import write_atomic

        if self.table is not None:
            write_atomic(self.table, _as_csv(self._kept))
        if self.as_json:
            print_json({"inputs": self._kept})


def _shown(answer: Answer) -> str:
    """Formats a prediction as one line; lines within a picture are separated by a slash."""
    row = f" row {answer['row']}" if "row" in answer else ""
    text = answer.get("note") or answer["text"].replace("\n", " / ")
    certain = answer.get("confidence")
    percent = f"  {100 * certain:.1f} %" if certain is not None else ""
    return f"{answer['path']}{row}: {text}{percent}"


def _as_csv(answers: Iterable[Answer]) -> str:
    import csv

    content = StringIO(newline="")
    rows = csv.DictWriter(content, COLUMNS, extrasaction="ignore", restval="")
    rows.writeheader()
    rows.writerows(answers)
    return content.getvalue()


@dataclass
class _Drawings:
    """Writes annotated pictures and pictures of the reading stages.

    Attributes:
        annotated: the file given by `--annotate`, or, for several pictures, the folder.
        stages: the folder of `--debug-dir`.
        several: whether there may be more than one picture.
    """

    annotated: Path | None
    stages: Path | None
    several: bool
    _taken: set[str] = field(default_factory=set)

    def check(self, models: Iterable[TrainedModel]) -> None:
        """Raises a UsageError if the drawings cannot be written, or no model reads digits."""
        from nnkit.data.pictures import SUFFIXES
        from nnkit.errors import UsageError

        wanted = self.annotated or self.stages
        if wanted and not any(map(_can_read_digits, models)):
            raise UsageError("--annotate and --debug-dir are for models that read digits")
        if self.annotated is None or self.several:
            return
        if not self.annotated.suffix:
            raise UsageError(f"{self.annotated}: give a picture file, such as {self.annotated}.png")
        if self.annotated.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"{self.annotated}: the name of a picture must end in .png, .jpg, .webp or .tif"
            )

    def read(self, model: TrainedModel, file: Path, reject: float) -> Reading:
        """Reads a picture and writes the requested drawings."""
        from nnkit.data.pictures import open_picture, spread
        from nnkit.reading.reader import read_digits
        from nnkit.reading.segmentation.annotate import annotated
        from nnkit.reading.segmentation.stages import StageFiles, Stages

        name = self._name(file)
        folder = self.stages and (self.stages / name if self.several else self.stages)
        reading = read_digits(file, model, reject, StageFiles(folder) if folder else Stages())
        if self.annotated:
            target = self.annotated / f"{name}.png" if self.several else self.annotated
            target.parent.mkdir(parents=True, exist_ok=True)
            _save(annotated(open_picture(file, spread), reading), target)
        return reading

    def _name(self, file: Path) -> str:
        """The file's name without its suffix, numbered if the name was used before."""
        name, number = file.stem, 1
        while name in self._taken:
            number += 1
            name = f"{file.stem}-{number}"
        self._taken.add(name)
        return name


def _save(picture: Image, target: Path) -> None:
    from PIL.Image import registered_extensions

    from nnkit.files import write_atomic

    content = BytesIO()
    picture.save(content, format=registered_extensions()[target.suffix.lower()])
    write_atomic(target, content.getvalue())
