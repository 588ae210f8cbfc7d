"""Networks as programs of the compiled kernels, where these know all layers and the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nnkit.native.library import Library
from nnkit.native.program import Program, ProgramLayer, ProgramLoss
from nnkit.native.structures import ActivationKind
from nnkit.nn.arena import Buffers
from nnkit.nn.layer import Stage
from nnkit.nn.losses import Loss
from nnkit.nn.network import Network
from nnkit.nn.params import Array, Layout
from nnkit.nn.passes import INFERENCE, Pass


def program_loss(stages: Sequence[Stage], loss: Loss) -> ProgramLoss | None:
    """The loss of a chain in a program; None if the kernels do not know it."""
    found, output = loss.in_program(), stages[-1].spec.applied_activation
    if found is None or output is None:
        return None
    fused = output.tag() == loss.fused
    return found if fused == (found.head != ActivationKind.IDENTITY) else None


def program_layers(
    stages: Sequence[Stage], layout: Layout, fused: bool
) -> tuple[ProgramLayer, ...] | None:
    """The layers of a program, each with its activation; None if the kernels lack one.

    Args:
        stages: the chain of layers; the last is the output activation.
        layout: the place of each parameter block.
        fused: whether the loss includes the output activation.
    """
    found: list[ProgramLayer] = []
    for stage in stages[: len(stages) - fused]:
        activation = stage.spec.applied_activation
        if activation is not None:
            function = activation.in_program()
            if function is None or function.kind == ActivationKind.SOFTMAX:
                return None
            if function.kind == ActivationKind.IDENTITY:
                continue
            if not found or found[-1].activation.kind != ActivationKind.IDENTITY:
                return None
            found[-1] = replace(found[-1], activation=function)
        elif stage.spec.program_kind is not None and not stage.input_form.positions:
            found.append(_layer(stage, layout))
        elif not stage.spec.output_is_view or found:
            return None  # a view of the input, such as `flatten`, needs nothing
    return tuple(found) or None


def _layer(stage: Stage, layout: Layout) -> ProgramLayer:
    kind = stage.spec.program_kind
    assert kind is not None
    blocks = {parameter.name: parameter for parameter in stage.parameters}
    return ProgramLayer(
        kind,
        inputs=stage.input_form.size,
        outputs=stage.output_form.size,
        weights=layout.offsets[f"{stage.name}.W"],
        biases=layout.offsets[f"{stage.name}.b"] if "b" in blocks else None,
        lr_factor=blocks["W"].lr_factor,
        decays=blocks["W"].decay,
    )


class ProgramNetwork:
    """A `Network` that runs as a program of the compiled kernels.

    Whatever a program cannot do, such as calling an observer, is done by the NumPy network.

    Attributes:
        program: the program.
    """

    def __init__(
        self,
        library: Library,
        layers: Sequence[ProgramLayer],
        loss: ProgramLoss,
        params: Array,
        grads: Array,
        samples: int,
        threads: int,
        training: bool,
        buffers: Buffers,
        numpy_network: Callable[[], Network],
    ) -> None:
        """Binds the program.

        Args:
            library: the compiled kernels.
            layers: the layers.
            loss: the loss.
            params: all parameters, (P,).
            grads: receives their gradients, (P,).
            samples: the number of samples, N.
            threads: the number of threads.
            training: whether gradients are computed.
            buffers: allocates the buffers.
            numpy_network: binds the same network on NumPy, with its own memory.
        """
        dtype = params.dtype
        self.program = Program(
            library,
            layers,
            loss,
            params,
            grads,
            samples,
            lambda rows, columns: buffers.empty((rows, columns), dtype),
            threads,
            training,
        )
        self._numpy_network = numpy_network

    def forward(self, X: Array, now: Pass = INFERENCE) -> Array:
        """The output Y (outputs, N) for X (*input shape, N)."""
        if now.observer is not None:
            return self._numpy_network().forward(X, now)
        return self.program.forward(_rows(X)).T

    def evaluate(
        self, X: Array, T: Array, weights: Array | None = None, now: Pass = INFERENCE
    ) -> tuple[float, Array]:
        """The mean loss against targets T, and the output Y, outside training."""
        if now.observer is not None:
            return self._numpy_network().evaluate(X, T, weights, now)
        loss, Y = self.program.evaluate(_rows(X), T.T, weights)
        return loss, Y.T

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """Returns the mean loss and writes the parameters' gradients into the model's `grads`.

        Arguments and shapes are those of `Network.loss_and_gradient`.
        """
        if now.observer is not None:
            return self._numpy_network().loss_and_gradient(X, T, now, weights, share)
        return self.program.gradient(_rows(X), T.T, weights, share)

    def release(self) -> None:
        """Drops the reference to the last input, which may be large."""
        self.program.release()

    def first_nonfinite(self, X: Array, now: Pass) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        return self._numpy_network().first_nonfinite(X, now)


def _rows(X: Array) -> Array:
    """Inputs (*shape, N) with a row for each sample, (N, k)."""
    return X.T if X.ndim == 2 else X.reshape(-1, X.shape[-1]).T
