"""An activation as a separate layer; the config's `activation` section inserts these, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from nnkit.nn.activations import AnyActivation
from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.params import Parameter


class ActivationLayer(LayerSpec):
    """Applies an activation function at this point: `- activation: tanh`.

    After a layer with weights it replaces `activation.hidden`, even if other layers, such as
    pooling, are in between.
    """

    kind: Literal["activation"] = "activation"
    shorthand: ClassVar[str | None] = "function"
    function: AnyActivation

    @property
    def applied_activation(self) -> AnyActivation:
        return self.function

    def output_form(self, form: Form) -> Form:
        return self.function.output_form(form)

    def parameters(self, form: Form) -> Sequence[Parameter]:
        return self.function.parameters(form)

    def bind(self, binding: Binding) -> Layer:
        return self.function.bind(binding)
