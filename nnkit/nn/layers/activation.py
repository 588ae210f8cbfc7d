"""An activation as a layer of its own; the config's `activation:` section places these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from nnkit.nn.activations import AnyActivation
from nnkit.nn.layer import Binding, Layer, LayerSpec
from nnkit.nn.params import Parameter, Shape


class ActivationLayer(LayerSpec):
    """Applies an activation function right here: `- activation: tanh`.

    Behind a layer with weights it stands for `activation.hidden`, also where other layers, such as
    pooling, come between the two.
    """

    kind: Literal["activation"] = "activation"
    shorthand: ClassVar[str | None] = "function"
    function: AnyActivation

    def output_shape(self, shape: Shape) -> Shape:
        return self.function.output_shape(shape)

    def parameters(self, shape: Shape) -> Sequence[Parameter]:
        return self.function.parameters(shape)

    def bind(self, binding: Binding) -> Layer:
        return self.function.bind(binding)
