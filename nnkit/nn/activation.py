"""The base class of activations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from nnkit.config.spec import Component
from nnkit.native.program_layer import ProgramFunction
from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.params import Parameter


class Activation(Component):
    """A nonlinear function after a layer with weights.

    Attributes:
        trainable: False where the derivative is zero almost everywhere, so that no gradient
            passes and it can only serve for inference.
        rectifier: whether it cuts negative values, for which He initialization is made.
        probability: whether its outputs are probabilities.
        nonnegative: whether its outputs are never below 0.
        elementwise: whether each output depends on one input alone, so that it is a curve.
        is_threshold: whether it only tells positive inputs from the others.
        log_probability: whether its outputs are logarithms of probabilities.
        least_units: the number of units below which its output is always the same.
        commutes_with_max: whether the largest of its outputs is its output for the largest input,
            with the same gradients.
    """

    trainable: ClassVar[bool] = True
    rectifier: ClassVar[bool] = False
    probability: ClassVar[bool] = False
    nonnegative: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True
    is_threshold: ClassVar[bool] = False
    log_probability: ClassVar[bool] = False
    least_units: ClassVar[int] = 1
    commutes_with_max: ClassVar[bool] = False

    def output_form(self, form: Form) -> Form:
        """The form of one output sample for an input sample of the given form.

        Raises:
            ShapeError: the activation does not accept that form.
        """
        return form

    def parameters(self, form: Form) -> Sequence[Parameter]:
        """The activation's trainable blocks, with short names, for inputs of that form."""
        return ()

    def in_program(self) -> ProgramFunction | None:
        """The activation in compiled programs; None if they do not know it."""
        return None

    @abstractmethod
    def bind(self, binding: Binding) -> Layer:
        """Binds the activation to parameters and buffers, as a layer."""
