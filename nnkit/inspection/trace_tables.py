"""A trace as formulas and tables: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from inspect import getdoc
from typing import Any

from nnkit.inspection.layer_trace import LayerTrace
from nnkit.inspection.number_tables import TraceTable
from nnkit.inspection.parameter_tables import ParameterTables, prefix_of
from nnkit.inspection.step_recorder import StepsTrace
from nnkit.inspection.trace import Trace
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers.weighted import WeightedLayer
from nnkit.nn.params import Array

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


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
        self.tables = ParameterTables(digits)
        self.number = self.tables.number
        # For each stage, the number (from 1) of the layer with weights that it is or belongs to.
        self.numbers, number = [], 0
        for layer in trace.layers:
            number += isinstance(layer.spec, WeightedLayer)
            self.numbers.append(number)

    def input(self) -> Section:
        first = self.trace.layers[0]
        tables = self.tables.side_by_side({"x": first.input}, first.symbols)
        return Section("x, the input as preprocessed", (), tables)

    def forward(self, i: int) -> Section:
        layer, name = self.trace.layers[i], self.raised(self.numbers[i])
        if layer.spec.multiplies_by_matrix:
            bias = f" + b{name}" if "b" in layer.parameters else ""
            formula = f"z{name} = W{name} {self.source(i)}{bias}"
            return Section(self.title(layer), (formula,), self.dense_forward(layer))
        if (activation := layer.spec.applied_activation) is not None:
            symbol = self.activated(i)
            formulas = (f"{symbol} = f(z{name})", first_line(activation))
            return Section(self.title(layer), formulas, self.pair(layer, "z", symbol[0]))
        tables = [*self.pair(layer, "in", "out")]
        if layer.steps:
            tables += self.tables.weights(layer)
        for steps in layer.steps:
            tables += self.of_steps(steps, steps.values, backward=steps.is_reverse)
        return Section(self.title(layer), (first_line(layer.spec),), tuple(tables))

    def source(self, i: int) -> str:
        """The symbol of the input of a layer with weights."""
        for layer in reversed(self.trace.layers[:i]):
            if layer.spec.applied_activation is not None:
                return f"a{self.raised(self.numbers[i] - 1)}"
            if layer.parameters:
                return "in"
        return "x"

    def dense_forward(self, layer: LayerTrace) -> tuple[TraceTable, ...]:
        if layer.output.ndim == 1:
            return (self.tables.of_units(layer, "value", {}, {"z": layer.output}),)
        return (*self.tables.weights(layer), *self.tables.side_by_side({"z": layer.output}))

    def pair(self, layer: LayerTrace, below: str, above: str) -> tuple[TraceTable, ...]:
        """Input and output side by side, or in separate tables if their shapes differ."""
        return self.tables.side_by_side({below: layer.input, above: layer.output}, layer.symbols)

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
                f"{kind_of(trace.layers[-1].spec)} are derived together"
            )
        assert gradient is not None
        if trace.symbols:
            formulas.append("E is the mean of E(t) over the positions t")
            tables = self.loss_by_position(y)
            tables += self.tables.side_by_side({symbol: gradient})
        else:
            tables = self.tables.side_by_side({"y": y, "t": trace.target, symbol: gradient})
        return Section(config.loss.tag(), tuple(formulas), tables)

    def loss_by_position(self, y: Array) -> tuple[TraceTable, ...]:
        """The output for the target and the loss at each position."""
        trace = self.trace
        of_target = y[trace.target, range(len(trace.target))]
        columns = {
            "target": trace.target,
            "y of target": of_target,
            "E(t)": trace.losses,
        }
        return self.tables.positions(columns, trace.symbols)

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
        tables = [*self.tables.side_by_side(columns)]
        for steps in layer.steps:
            tables += self.steps_backward(layer, steps)
        formulas = layer.spec.gradient_formulas if layer.steps else ()
        return Section(self.title(layer), formulas, (*tables, *self.tables.listed(layer)))

    def steps_backward(self, layer: LayerTrace, steps: StepsTrace) -> Iterator[TraceTable]:
        """Yields the gradients of steps, and what each contributes to those of parameters."""
        yield from self.of_steps(steps, steps.gradients, backward=not steps.is_reverse)
        if steps.contributions:
            names = {f"{prefix_of(layer, steps)}{name}": name for name in steps.contributions}
            yield from self.tables.contributions(
                {full: steps.contributions[name] for full, name in names.items()},
                {full: layer.parameters[full].gradient for full in names},
            )

    def of_steps(
        self, steps: StepsTrace, arrays: Mapping[str, Array], *, backward: bool
    ) -> list[TraceTable]:
        """Tables of some arrays of steps, in the order in which they were computed."""
        tables = self.tables.steps(arrays, backward=backward)
        if not steps.is_reverse:
            return tables
        return [replace(x, headings=("t, from the end", *x.headings[1:])) for x in tables]

    def dense_backward(self, i: int, delta: Array) -> Section:
        layer, name = self.trace.layers[i], self.raised(self.numbers[i])
        bias = f", ∂E/∂b{name} = δ{name}" if "b" in layer.parameters else ""
        formula = f"∂E/∂W{name} = δ{name} {self.source(i)}ᵀ{bias}"
        if delta.ndim > 1:
            formula += ", each summed over the positions"
            tables = self.tables.side_by_side({"δ": delta})
        else:
            tables = (self.tables.of_units(layer, "gradient", {"δ": delta}, {}),)
        return Section(self.title(layer), (formula,), (*tables, *self.tables.listed(layer)))

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
        tables = (*self.tables.side_by_side(columns), *self.tables.listed(layer))
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
            if layer.parameters:
                table = self.tables.long(layer)
                if self.tables.as_matrix(layer):
                    table = self.tables.of_units(layer, "updated", {}, {})
                yield Section(f"{self.title(layer)}: new parameters", (), (table,))
        yield Section(
            "The same sample again",
            (f"E = {self.number(trace.loss_after)}, previously {self.number(trace.loss)}",),
        )

    def title(self, layer: LayerTrace) -> str:
        spec = layer.spec
        if spec.applied_activation is not None:
            return f"{layer.name}: {kind_of(spec)}"
        shapes = [" × ".join(map(str, a.shape)) for a in (layer.input, layer.output)]
        return f"{layer.name}: {spec.tag()}, {shapes[0]} → {shapes[1]}"

    @staticmethod
    def raised(number: int) -> str:
        return f"⁽{str(number).translate(RAISED)}⁾"


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


def kind_of(spec: LayerSpec) -> str:
    """The kind of a layer, or of the activation that it applies."""
    return (spec.applied_activation or spec).tag()
