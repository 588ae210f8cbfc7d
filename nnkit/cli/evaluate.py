"""`nnkit eval`: evaluate a checkpoint on held-out data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from nnkit.cli.checkpoints import chosen_checkpoint
from nnkit.cli.gates import exit_if_missed, say_passed
from nnkit.cli.options import CheckpointArgument, JsonOption, RunsOption, file_option, option
from nnkit.cli.output import print_json, say, say_wrapped, show, show_figure, table
from nnkit.cli.output_files import check_no_input, write_output
from nnkit.cli.text_options import MethodsOption, decoding_methods
from nnkit.cli.written_table import written_table

if TYPE_CHECKING:
    from nnkit.inference.class_report import ClassReport, LabelReport
    from nnkit.inference.report import Report
    from nnkit.inference.trivial_baseline import TrivialBaseline

MOST_IN_A_MATRIX = 20  # classes; beyond that, only the most confused pairs are shown
MOST_PAIRS = 10
WIDEST = 72  # total length of the class names above the matrix; beyond it, numbers are shown


def evaluate(
    checkpoint: CheckpointArgument,
    split: Annotated[
        str | None,
        option("--split", "SET", "The set: train, validation or test (the default)."),
    ] = None,
    data: Annotated[
        Path | None,
        option(
            "--data",
            "PATH",
            "A labelled file or folder: other data, of which all samples are evaluated, or "
            "where the data of the training is now.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        file_option("--predictions", "Write all predictions to a CSV file."),
    ] = None,
    decoding: MethodsOption = None,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Evaluate a trained network on held-out data.

    CHECKPOINT is a checkpoint file, a run's folder, or a run's name. The data is split and
    preprocessed as in training. With --data, columns are matched by name and classes by their
    names; the gates of the test set apply to other data, except for those with a baseline.

    Metrics of texts and time series stand beside those of the simplest model, as baseline: copying
    the source, the most frequent tag of each word, n-grams, the last value.

    Of a network that translates texts, metrics given the symbols before each (teacher forcing)
    stand apart from those of the texts that it writes by itself, which have 95 % bootstrap
    intervals. --decoding compares methods; gates are judged with the first.

    Prints the applicable metrics and, for classifiers, per-class scores and the confusion matrix;
    --json prints everything. The exit code is 4 if a gate under expect: on this set is not met.
    """
    import nnkit
    from nnkit.experiments.gates import verdicts
    from nnkit.experiments.seeds import evaluated_group, incomparable_gates

    if data is not None:
        check_no_input([predictions], [data])
    path = chosen_checkpoint(checkpoint, runs)
    model = nnkit.load_checkpoint(path)
    report = model.report(split, data, decoding_methods(decoding or ()))
    if predictions is not None:
        write_output(predictions, report.predictions())
    found = list(verdicts([evaluated_group(path, model, report, data)], {}))
    if as_json:
        gates = [verdict.record() for verdict in found]
        other = {"data": str(data)} if report.split is None else {}
        print_json({"checkpoint": str(path), **report.record(), **other, "gates": gates})
    else:
        _render(path, report, data)
        if model.config.data.target.scales:
            say("loss is that of the scaled targets, as in training; the other metrics are not")
        say_wrapped(
            *(_with_config(warning, path) for warning in report.warnings), *_of_bleu(report)
        )
    if predictions is not None:
        say(f"wrote {predictions}: {report.prediction_count:,} predictions")
    for name in incomparable_gates(path, model, report):
        say(f"{name} is not compared with its baseline, which was measured on other data")
    say_passed(found)
    exit_if_missed(found)


def _render(path: Path, report: Report, data: Path | None) -> None:
    where = f"all of {data}" if report.split is None else report.split
    rows = [("checkpoint", str(path)), ("samples", f"{len(report):,} ({where})")]
    if report.samples is not None:
        rows.append(("symbols", f"{len(report.targets):,}"))
    if report.written:
        rows.append(("", "given the symbols before each (teacher forcing):"))
    if report.threshold is not None:
        rows.append(("threshold", show(report.threshold)))
    of_written = report.written[0].figures if report.written else {}
    headline = [name for name in _headline(report) if name not in of_written]
    rows += [(name, _figure(report, name)) for name in headline]
    if report.baseline is not None and not report.written:
        rows.append(("baseline", _shown_baseline(report.baseline)))
    width = max(len(name) for name, _ in rows)
    for name, shown in rows:
        print(f"{name:{width}}  {shown}")
    if report.written:
        print(f"\n{written_table(report.written, report.baseline)}")
    if report.by_class is not None:
        print(f"\n{_by_class(report.by_class)}")
        print(f"\n{_confusions(report.by_class)}")
    if report.by_label is not None:
        print(f"\n{_by_label(report.by_label)}")


def _with_config(warning: str, checkpoint: Path) -> str:
    """A warning whose commands name the config in the folder of the run, if there is one."""
    from nnkit.inference.copying import CONFIG

    config = checkpoint.parent.parent / "config.yaml"
    return warning.replace(f" {CONFIG} ", f" {config} ") if config.is_file() else warning


def _of_bleu(report: Report) -> Iterator[str]:
    """Yields why BLEU is 0 although some texts are right."""
    if report.written and report.figures["exact_match"] and not report.figures["bleu"]:
        yield "bleu is 0 because no text that is right has 4 words; chrf suits such short texts"


def _figure(report: Report, name: str) -> str:
    """A metric, with its 95 % interval if that is known."""
    shown = show_figure(name, report.figures[name])
    if name not in report.intervals:
        return shown
    low, high = (show_figure(name, bound) for bound in report.intervals[name])
    return f"{shown} ({low} to {high})"


def _shown_baseline(baseline: TrivialBaseline) -> str:
    """The simplest model with its metrics."""
    figures = (f"{name} {show_figure(name, value)}" for name, value in baseline.figures.items())
    return f"{', '.join(figures)}: {baseline.model}"


def _headline(report: Report) -> list[str]:
    """The metrics shown first, without those of the table and trivial top-k accuracies."""
    if report.by_class is None:
        return list(report.figures)
    few = len(report.by_class.names) // 2
    return [
        name
        for name in report.figures
        if name.partition("_")[0] not in ("precision", "recall", "f1")
        and not (name.startswith("top_") and int(name.split("_")[1]) > few)
    ]


def _by_class(by_class: ClassReport) -> str:
    shares = ("precision", "recall", "f1")
    rows = by_class.rows()
    everything = sum(row["support"] for row in rows)
    means = by_class.averages()
    rows += [
        {"class": f"{kind} mean", "support": everything, **values} for kind, values in means.items()
    ]
    return table(
        ("class", *shares, "support"),
        [
            (row["class"], *(f"{row[share]:.4f}" for share in shares), row["support"])
            for row in rows
        ],
    )


def _by_label(by_label: LabelReport) -> str:
    rows = by_label.rows()
    shares = [name for name in rows[0] if name not in ("label", "support")]
    return table(
        tuple(rows[0]),
        [(row["label"], *(show_figure(s, row[s]) for s in shares), row["support"]) for row in rows],
    )


def _confusions(by_class: ClassReport) -> str:
    """The confusion matrix, or, for many classes, the most confused pairs."""
    names, matrix = by_class.names, by_class.matrix()
    if len(names) <= MOST_IN_A_MATRIX and matrix is not None:
        headings = names
        if sum(map(len, names)) + 2 * len(names) > WIDEST:
            headings = tuple(map(str, range(len(names))))
            names = tuple(f"{i} {name}" for i, name in enumerate(names))
        rows = [(name, *row) for name, row in zip(names, matrix, strict=True)]
        return table(("true \\ predicted", *headings), rows)
    pairs = by_class.confused()
    if not pairs:
        return "no class is confused with another"
    most = pairs[:MOST_PAIRS]
    more = f"\n… and {len(pairs) - len(most):,} other pairs" if len(pairs) > len(most) else ""
    return table(("true", "predicted", "samples"), [tuple(pair.values()) for pair in most]) + more
