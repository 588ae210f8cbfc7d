"""Tables of the parameters of traced layers, and of their gradients."""

from __future__ import annotations

from collections.abc import Iterator

from nnkit.inspection.layer_trace import LayerTrace
from nnkit.inspection.number_tables import (
    LOWERED,
    WIDEST,
    NumberTables,
    TraceTable,
    entries,
    parameter_name,
    zero_based,
)
from nnkit.inspection.step_recorder import StepsTrace
from nnkit.nn.params import Array

MOST_COLUMNS = 6  # most inputs of a layer whose weights are shown as a matrix, one row per unit


class ParameterTables(NumberTables):
    """Makes tables of numbers, and of the parameters of layers."""

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
        return self.columns(columns | after)

    def listed(self, layer: LayerTrace) -> tuple[TraceTable, ...]:
        """A table of gradients, one per row; empty if they are shown as a matrix or by steps."""
        if self.as_matrix(layer):
            return ()
        by_steps = {
            f"{prefix_of(layer, steps)}{name}"
            for steps in layer.steps
            for name in steps.contributions
        }
        rows = [
            (label, self.number(gradient))
            for name, label, (_, gradient, _) in entries_of(layer)
            if name not in by_steps
        ]
        return (TraceTable(("parameter", "gradient"), tuple(rows)),) if rows else ()

    def long(self, layer: LayerTrace) -> TraceTable:
        """A table of a layer's parameters, one per row: before, gradient, after."""
        rows = [(label, *map(self.number, numbers)) for _, label, numbers in entries_of(layer)]
        return TraceTable(("parameter", "before", "gradient", "new"), tuple(rows))

    def weights(self, layer: LayerTrace) -> list[TraceTable]:
        """A table with a row for each row of a layer's matrices, if these are few and of a size."""
        columns: dict[str, Array] = {}
        for name, parameter in layer.parameters.items():
            value = parameter.value
            if value.ndim == 1:
                columns[name] = value
            else:
                columns |= {
                    f"{name}{str(j).translate(LOWERED)}": column
                    for j, column in enumerate(value.reshape(len(value), -1).T, 1)
                }
        if len({len(column) for column in columns.values()}) != 1 or len(columns) > WIDEST:
            return []
        return [self.columns(columns, "row")]


def entries_of(layer: LayerTrace) -> Iterator[tuple[str, str, tuple[float, float, float]]]:
    """Yields entries of parameters: array, name, and value, gradient and value after.

    A layer that reads ids has a row for each symbol; rows that the step does not change are left
    out.
    """
    symbols = dict(zip(layer.input.flat, layer.symbols, strict=True)) if layer.symbols else {}
    for name, parameter in layer.parameters.items():
        for index, value in entries(parameter.value):
            at = zero_based(index)
            gradient, updated = float(parameter.gradient[at]), float(parameter.updated[at])
            if gradient or updated != value or not symbols:
                row = repr(symbols[at[0]]) if at[0] in symbols else index[0]
                label = parameter_name(name, (row, *index[1:]))
                yield name, label, (value, gradient, updated)


def prefix_of(layer: LayerTrace, steps: StepsTrace) -> str:
    """The prefix of the parameters of a layer inside another; empty for a layer of its own."""
    return f"{steps.name}.".removeprefix(f"{layer.name}.")
