"""A trace as formulas and tables: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from inspect import getdoc
from typing import Any

from nnkit.inspection.trace import LayerTrace, Trace, entries
from nnkit.nn.layer import LayerSpec
from nnkit.nn.layers.weighted import WeightedLayer
from nnkit.nn.params import Array

MOST_COLUMNS = 6  # most inputs of a layer whose weights are shown as a matrix, one row per unit
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, slots=True)
class TraceTable:
    """A table of numbers with headings, all as text."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a trace: a title, formulas, and tables."""

    title: str
    formulas: tuple[str, ...] = ()
    tables: tuple[TraceTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One of the four parts of a trace: forward, loss, backward or update."""

    title: str
    sections: tuple[Section, ...]


def title_of(trace: Trace) -> str:
    """The title of a trace: run, sample, set, target and origin of the weights."""
    return (
        f"{trace.config.name}: one training step on sample {trace.sample} of the "
        f"{trace.split} set (target {trace.label}), from {trace.origin}"
    )


def chapters(trace: Trace, digits: int = 4) -> list[Chapter]:
    """The four parts of a trace, with numbers rounded to `digits` significant digits."""
    tables = _Tables(trace, digits)
    forward = [tables.input(), *(tables.forward(i) for i in range(len(trace.layers)))]
    downward = [i for i, layer in enumerate(trace.layers) if layer.output_gradient is not None]
    backward = [tables.backward(i) for i in reversed(downward)]
    return [
        Chapter("Forward", tuple(forward)),
        Chapter("Loss", (tables.loss(),)),
        Chapter("Backward", tuple(backward)),
        Chapter("Update", tuple(tables.update())),
    ]


class _Tables:
    """Creates the sections of a trace."""

    def __init__(self, trace: Trace, digits: int) -> None:
        self.trace = trace
        self.digits = digits
        # For each stage, the number (from 1) of the layer with weights that it is or belongs to.
        self.numbers, number = [], 0
        for layer in trace.layers:
            number += isinstance(layer.spec, WeightedLayer)
            self.numbers.append(number)

    def input(self) -> Section:
        return Section("x, the input as preprocessed", (), (self.columns(x=self.first.input),))

    @property
    def first(self) -> LayerTrace:
        return self.trace.layers[0]

    def forward(self, i: int) -> Section:
        layer, name = self.trace.layers[i], self.raised(self.numbers[i])
        if layer.spec.multiplies_by_matrix:
            source = "x" if self.numbers[i] == 1 else f"a{self.raised(self.numbers[i] - 1)}"
            bias = f" + b{name}" if "b" in layer.parameters else ""
            formula = f"z{name} = W{name} {source}{bias}"
            table = self.of_units(layer, "value", {}, {"z": layer.output})
            return Section(self.title(layer), (formula,), (table,))
        if (activation := layer.spec.applied_activation) is not None:
            symbol = self.activated(i)
            formulas = (f"{symbol} = f(z{name})", first_line(activation))
            return Section(self.title(layer), formulas, self.pair(layer, "z", symbol[0]))
        tables = self.pair(layer, "in", "out")
        if layer.inside:
            tables = (*tables, *self.side_by_side(dict(layer.inside)))
        return Section(self.title(layer), (first_line(layer.spec),), tables)

    def pair(self, layer: LayerTrace, below: str, above: str) -> tuple[TraceTable, ...]:
        """Input and output side by side, or in separate tables if their shapes differ."""
        return self.side_by_side({below: layer.input, above: layer.output})

    def loss(self) -> Section:
        trace, last = self.trace, self.raised(self.numbers[-1])
        y, config = trace.layers[-1].output, trace.config
        formulas = [
            first_line(config.loss),
            f"E = {self.number(trace.loss)}",
        ]
        if not trace.fused:
            gradient, symbol = trace.layers[-1].output_gradient, "∂E/∂y"
        else:
            gradient, symbol = trace.layers[-2].output_gradient, "δ"
            formulas.append(
                f"δ{last} = ∂E/∂z{last}: {config.loss.tag()} and "
                f"{_kind(trace.layers[-1].spec)} are derived together"
            )
        columns: dict[str, Array] = {"y": y, "t": trace.target}
        assert gradient is not None
        return Section(
            config.loss.tag(), tuple(formulas), self.side_by_side(columns | {symbol: gradient})
        )

    def backward(self, i: int) -> Section:
        layer = self.trace.layers[i]
        assert layer.output_gradient is not None
        if layer.spec.multiplies_by_matrix:
            return self.dense_backward(i, layer.output_gradient)
        if layer.spec.applied_activation is not None:
            return self.activation_backward(i, layer.output_gradient)
        columns = {"∂E/∂out": layer.output_gradient}
        if layer.input_gradient is not None:
            columns["∂E/∂in"] = layer.input_gradient
        tables = self.side_by_side(columns)
        if layer.inside_gradients:
            tables = (*tables, *self.side_by_side(dict(layer.inside_gradients)))
        return Section(self.title(layer), (), (*tables, *self.listed(layer)))

    def dense_backward(self, i: int, delta: Array) -> Section:
        layer, number = self.trace.layers[i], self.numbers[i]
        name = self.raised(number)
        source = "x" if number == 1 else f"a{self.raised(number - 1)}"
        bias = f", ∂E/∂b{name} = δ{name}" if "b" in layer.parameters else ""
        table = self.of_units(layer, "gradient", {"δ": delta}, {})
        formula = f"∂E/∂W{name} = δ{name} {source}ᵀ{bias}"
        if delta.ndim > 1:
            formula += ", each summed over the positions"
        return Section(self.title(layer), (formula,), (table, *self.listed(layer)))

    def activation_backward(self, i: int, gradient: Array) -> Section:
        layer, name = self.trace.layers[i], self.raised(self.numbers[i])
        above, symbol = self.raised(self.numbers[i] + 1), self.activated(i)
        columns = {f"∂E/∂{symbol[0]}": gradient}
        if layer.slope is None:
            derived = f"(∂{symbol}/∂z{name})ᵀ ∂E/∂{symbol}"
        else:
            columns["f′(z)"] = layer.slope
            derived = f"∂E/∂{symbol} ⊙ f′(z{name})"
            if self.dense_follows(i):
                derived = f"(W{above}ᵀ δ{above}) ⊙ f′(z{name})"
        if layer.input_gradient is not None:
            columns["δ"] = layer.input_gradient
        tables = (*self.side_by_side(columns), *self.listed(layer))
        return Section(self.title(layer), (f"δ{name} = ∂E/∂z{name} = {derived}",), tables)

    def activated(self, i: int) -> str:
        """The symbol of an activation's output."""
        last = i == len(self.trace.layers) - 1
        return "y" if last else f"a{self.raised(self.numbers[i])}"

    def dense_follows(self, i: int) -> bool:
        return self.trace.layers[min(i + 1, len(self.numbers) - 1)].spec.multiplies_by_matrix

    def update(self) -> Iterator[Section]:
        trace, optimizer = self.trace, self.trace.config.optimizer
        formulas = [
            first_line(optimizer),
            f"lr = {self.number(trace.lr)} at the first step; g is ∂E/∂p of each parameter p",
            *_provisos(trace),
        ]
        yield Section(optimizer.tag(), tuple(formulas))
        for layer in trace.layers:
            if self.as_matrix(layer):
                table = self.of_units(layer, "updated", {}, {})
                yield Section(f"{self.title(layer)}: new parameters", (), (table,))
            elif layer.parameters:
                yield Section(f"{self.title(layer)}: new parameters", (), (self.long(layer),))
        yield Section(
            "The same sample again",
            (f"E = {self.number(trace.loss_after)}, previously {self.number(trace.loss)}",),
        )

    def title(self, layer: LayerTrace) -> str:
        spec = layer.spec
        if spec.applied_activation is not None:
            return f"{layer.name}: {_kind(spec)}"
        shapes = [" × ".join(map(str, a.shape)) for a in (layer.input, layer.output)]
        return f"{layer.name}: {spec.tag()}, {shapes[0]} → {shapes[1]}"

    def as_matrix(self, layer: LayerTrace) -> bool:
        """Whether a layer's parameters are shown as a matrix, one row per unit."""
        is_vector = layer.output.ndim == 1
        return layer.spec.multiplies_by_matrix and is_vector and len(layer.input) <= MOST_COLUMNS

    def of_units(
        self, layer: LayerTrace, what: str, before: dict[str, Array], after: dict[str, Array]
    ) -> TraceTable:
        """A table with a row for each unit of a dense layer; weights are included if they are few.

        Args:
            layer: a dense layer.
            what: the array of each parameter to show: `value`, `gradient` or `updated`.
            before: additional columns on the left, (units,) each.
            after: additional columns on the right, (units,) each.
        """
        prefix = "∂E/∂" if what == "gradient" else ""
        columns = dict(before)
        if self.as_matrix(layer):
            W = getattr(layer.parameters["W"], what)
            for j in range(W.shape[1]):
                columns[f"{prefix}w{str(j + 1).translate(LOWERED)}"] = W[:, j]
            if "b" in layer.parameters:
                columns[f"{prefix}b"] = getattr(layer.parameters["b"], what)
        return self.columns(**(columns | after))

    def listed(self, layer: LayerTrace) -> tuple[TraceTable, ...]:
        """A table of a layer's gradients, one per row; empty if they are shown as a matrix."""
        if not layer.parameters or self.as_matrix(layer):
            return ()
        rows = [
            (f"{name}{list(index)}".replace(" ", ""), self.number(value))
            for name, parameter in layer.parameters.items()
            for index, value in entries(parameter.gradient)
        ]
        return (TraceTable(("parameter", "gradient"), tuple(rows)),)

    def long(self, layer: LayerTrace) -> TraceTable:
        """A table of a layer's parameters, one per row: before, gradient, after."""
        rows = [
            (
                f"{name}{list(index)}".replace(" ", ""),
                self.number(value),
                self.number(float(parameter.gradient[zero_based(index)])),
                self.number(float(parameter.updated[zero_based(index)])),
            )
            for name, parameter in layer.parameters.items()
            for index, value in entries(parameter.value)
        ]
        return TraceTable(("parameter", "before", "gradient", "new"), tuple(rows))

    def side_by_side(self, columns: dict[str, Array]) -> tuple[TraceTable, ...]:
        """One table with all columns, or one table per column if their shapes differ."""
        if len({values.shape for values in columns.values()}) == 1:
            return (self.columns(**columns),)
        return tuple(self.columns(**{symbol: values}) for symbol, values in columns.items())

    def columns(self, **columns: Array) -> TraceTable:
        """A table with a row for each element of arrays of equal shape."""
        first = next(iter(columns.values()))
        rows = []
        for index, _ in entries(first):
            at = zero_based(index)
            label = ",".join(map(str, index)) or "1"
            rows.append((label, *(self.number(values[at].item()) for values in columns.values())))
        return TraceTable(("unit" if first.ndim == 1 else "index", *columns), tuple(rows))

    def number(self, value: float) -> str:
        """Formats a number with the requested significant digits, and whole ids in full."""
        if isinstance(value, int) or value == 0:
            return str(int(value))
        return f"{value:#.{self.digits}g}".rstrip(".").replace("-", "−")

    @staticmethod
    def raised(number: int) -> str:
        return f"⁽{str(number).translate(RAISED)}⁾"


def zero_based(index: Sequence[int]) -> tuple[int, ...]:
    """Converts an index counted from 1 to one counted from 0."""
    return tuple(i - 1 for i in index)


def _provisos(trace: Trace) -> Iterator[str]:
    """Notes on what the update does in addition to the optimizer's rule."""
    config = trace.config
    if config.regularization.penalizes:
        yield "g includes the gradient of the weight penalty, unlike ∂E/∂W above"
    if config.optimizer.clip is not None:
        yield f"g is clipped first: {config.optimizer.clip.tag()}"
    if decay := config.optimizer.decay + config.regularization.weight_decay:
        yield f"weight decay: weights are first multiplied by 1 − lr · {decay:g}"
    if config.regularization.weight_noise:
        yield "weight noise: the forward and backward passes use parameters with noise added"
    if config.optimizer.full_batch:
        yield "the line search evaluates the loss several times per step"


def first_line(component: Any) -> str:
    """The first line of a component's docstring, usually its formula."""
    return (getdoc(type(component)) or component.tag()).partition("\n")[0].rstrip(".")


def as_json(trace: Trace) -> dict[str, Any]:
    """The trace as plain data for JSON, with unrounded numbers."""
    return {
        "name": trace.config.name,
        "origin": trace.origin,
        "split": trace.split,
        "sample": trace.sample,
        "label": trace.label,
        "input": trace.layers[0].input.tolist(),
        "target": trace.target.tolist(),
        "layers": [_layer(layer) for layer in trace.layers],
        "loss": trace.loss,
        "loss_after": trace.loss_after,
        "optimizer": trace.config.optimizer.tag(),
        "lr": trace.lr,
    }


def _layer(layer: LayerTrace) -> dict[str, Any]:
    def plain(values: Array | None) -> Any:
        return None if values is None else values.tolist()

    return {
        "name": layer.name,
        "kind": _kind(layer.spec),
        "input": plain(layer.input),
        "output": plain(layer.output),
        "output_gradient": plain(layer.output_gradient),
        "input_gradient": plain(layer.input_gradient),
        "slope": plain(layer.slope),
        "inside": {symbol: plain(array) for symbol, array in layer.inside.items()},
        "inside_gradients": {
            symbol: plain(array) for symbol, array in layer.inside_gradients.items()
        },
        "parameters": {
            name: {
                "value": plain(parameter.value),
                "gradient": plain(parameter.gradient),
                "updated": plain(parameter.updated),
            }
            for name, parameter in layer.parameters.items()
        },
    }


def _kind(spec: LayerSpec) -> str:
    return (spec.applied_activation or spec).tag()


def as_markdown(trace: Trace, digits: int = 4) -> str:
    """The trace as a Markdown document."""
    lines = [f"# {title_of(trace)}", ""]
    for chapter in chapters(trace, digits):
        lines += [f"## {chapter.title}", ""]
        for section in chapter.sections:
            lines += [f"### {section.title}", ""]
            for formula in section.formulas:
                lines += [f"`{formula}`", ""]
            for table in section.tables:
                lines += [
                    f"| {' | '.join(table.headings)} |",
                    f"|{'---:|' * len(table.headings)}",
                    *(f"| {' | '.join(row)} |" for row in table.rows),
                    "",
                ]
    return "\n".join(lines)


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }}
h2 {{ font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 2px solid #0072b2; }}
h3 {{ font-size: 1rem; margin: 1.5rem 0 .3rem; }}
.formula {{ font-family: "STIX Two Math", "Cambria Math", serif; margin: .2rem 0; }}
table {{ border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }}
.scroll {{ overflow-x: auto; }}
th, td {{ padding: .15rem .8rem; text-align: right; border-bottom: 1px solid #8884; }}
th {{ font-weight: 600; }}
td:first-child {{ opacity: .7; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def as_html(trace: Trace, digits: int = 4) -> str:
    """The trace as a self-contained HTML page."""
    parts: list[str] = []
    for chapter in chapters(trace, digits):
        parts.append(f"<h2>{escape(chapter.title)}</h2>")
        for section in chapter.sections:
            parts.append(f"<h3>{escape(section.title)}</h3>")
            parts += [f'<p class="formula">{escape(line)}</p>' for line in section.formulas]
            parts += [_html_table(table) for table in section.tables]
    return PAGE.format(title=escape(title_of(trace)), body="\n".join(parts))


def _html_table(table: TraceTable) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    rows = [row(table.headings, "th"), *(row(cells, "td") for cells in table.rows)]
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'
