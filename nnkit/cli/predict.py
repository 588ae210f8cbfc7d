"""`nnkit predict`: a trained network's answer to pictures or table rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnkit.cli.options import JsonOption, RunsOption
from nnkit.cli.output import print_json, say

if TYPE_CHECKING:
    from nnkit.training.trained import TrainedModel


def predict(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Pictures, or .csv or .npy tables.", show_default=False
        ),
    ],
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            "-c",
            metavar="CHECKPOINT",
            help="A checkpoint file, a run's folder or name; by default the run trained last that "
            "can read such files.",
        ),
    ] = None,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Predict what is in each FILE.

    A picture is of one digit where the model was trained on digits: any size, dark on light or
    light on dark, colour or transparent. A table has a sample a row.
    """
    import nnkit
    from nnkit.errors import DataError
    from nnkit.runs.directory import find_checkpoint

    if missing := [file for file in inputs if not file.exists()]:
        raise DataError(f"{missing[0]}: no such file")
    if checkpoint is None:
        path = _latest(runs, inputs[0])
        say(f"using {path}")
    else:
        path = find_checkpoint(checkpoint, runs)
    model = nnkit.load_checkpoint(path)
    # Everything is read before anything is printed: a bad file leaves no half answer.
    answers = [answer for file in inputs for answer in _answers(model, file)]
    if as_json:
        print_json({"inputs": answers})
        return
    for answer in answers:
        row = f" row {answer['row']}" if "row" in answer else ""
        certain = answer.get("confidence")
        percent = f"  {100 * certain:.1f} %" if certain is not None else ""
        print(f"{answer['path']}{row}: {answer['text']}{percent}")


def _answers(model: TrainedModel, file: Path) -> list[dict[str, Any]]:
    is_table = file.suffix.lower() in (".csv", ".tsv", ".npy")
    X = _read(model, file)
    sure = model.confidence(X)
    answers = []
    for i, predicted in enumerate(model.predict(X)):
        answer: dict[str, Any] = {"path": str(file)}
        if is_table:
            answer["row"] = i + 1
        if model.classes is None:
            answer["values"] = [float(value) for value in predicted]
            answer["text"] = " ".join(f"{value:.6g}" for value in predicted)
        else:
            answer["text"] = str(predicted)
            if sure is not None:
                answer["confidence"] = round(float(sure[i]), 6)
            if not is_table:
                digit = {"label": answer["text"], "confidence": answer.get("confidence")}
                answer["digits"] = [digit]
        answers.append(answer)
    return answers


def _read(model: TrainedModel, file: Path) -> Any:
    from nnkit.data.sources.arrays import read_npy

    suffix = file.suffix.lower()
    if suffix == ".npy":
        return read_npy(str(file))
    if suffix in (".csv", ".tsv"):
        return model.read_table(file)
    return model.read_picture(file)


def _latest(runs: Path, file: Path) -> Path:
    """The checkpoint of the run trained last that reads files of this kind."""
    from nnkit.errors import CheckpointError, UsageError
    from nnkit.runs.checkpoint import read_checkpoint
    from nnkit.runs.directory import find_checkpoint, list_runs

    readers = {".csv": {"csv"}, ".tsv": {"csv"}, ".npy": {"npy", "npz", "mnist", "idx"}}
    wanted = readers.get(file.suffix.lower(), {"mnist", "idx", "image_folder"})
    for run in reversed(list_runs(runs)):
        try:
            path = find_checkpoint(str(run.path))
            header = read_checkpoint(path).header
        except CheckpointError:
            continue
        if header["config"]["data"]["source"]["kind"] in wanted:
            return path
    raise UsageError(
        f"no run in {runs}/ can read {file.name}; train one first, such as "
        "`nnkit train configs/mnist-mlp.yaml`, or name one with --checkpoint"
    )
