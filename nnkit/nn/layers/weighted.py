"""Base classes of layers: spatial ones, and those with initializers, weights or activations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from pydantic import Field

from nnkit.config.spec import NonNegative
from nnkit.nn.activations import AnyActivation
from nnkit.nn.form import ShapeError
from nnkit.nn.initializers import AnyInitializer, Xavier, Zeros
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.params import Array, Parameter, Shape

Inside = Sequence[tuple[int, LayerSpec]]


class SpatialLayer(LayerSpec):
    """A layer over images (channels, height, width) or sequences (channels, length)."""

    @property
    def mixes_positions(self) -> bool:
        return True

    @property
    def outgrows_cache(self) -> bool:
        return True

    @property
    def precedes_output(self) -> bool:
        return True

    @property
    def has_kinks(self) -> bool:
        return True


class InitializedLayer(LayerSpec):
    """A layer whose initial weights are drawn as it sets, or as the config does for all layers."""

    initializer: AnyInitializer | None = Field(
        None, description="For the weights; by default `architecture.initializer`."
    )

    @property
    def inner_activation(self) -> AnyActivation | None:
        """The activation that the layer itself applies after its weights; None for most layers."""
        return None

    @abstractmethod
    def completed(
        self, initializer: AnyInitializer, bias_initializer: AnyInitializer, inside: Inside
    ) -> LayerSpec:
        """The layer with the initializers and inner layers filled in that the config leaves open.

        Args:
            initializer: initializer of its weights, unless it sets one.
            bias_initializer: initializer of its biases, unless it sets one.
            inside: the layers inside it, including inserted ones, each with the index of the listed
                layer that it belongs to.
        """


class ActivatedLayer(InitializedLayer):
    """A layer that an activation follows, its own or the config's."""

    activation: AnyActivation | None = Field(
        None,
        description="The activation that follows; by default `activation.hidden` or "
        "`activation.output`.",
    )


class TrainedLayer(InitializedLayer):
    """A layer with weights of its own."""

    lr_factor: NonNegative = Field(
        1.0, description="Factor on the learning rate; 0 freezes the layer."
    )
    decay: bool = Field(
        True, description="Whether penalties and weight decay apply to the weights."
    )


class BiasedLayer(TrainedLayer):
    """A layer with weights and biases of its own."""

    bias_initializer: AnyInitializer | None = Field(
        None, description="For the biases; by default `architecture.bias_initializer`."
    )

    def completed(
        self, initializer: AnyInitializer, bias_initializer: AnyInitializer, inside: Inside
    ) -> LayerSpec:
        chosen = {
            "initializer": self.initializer or initializer,
            "bias_initializer": self.bias_initializer or bias_initializer,
        }
        return self.model_copy(update=chosen)


class WeightedLayer(BiasedLayer, ActivatedLayer):
    """A layer with weights, which an activation follows."""

    def weights_and_bias(
        self, shape: Shape, fan_in: int, fan_out: int, bias: bool, units: Array | None = None
    ) -> Sequence[Parameter]:
        """The blocks W, of the given shape, and b, with one entry for each unit.

        Args:
            shape: the shape of W.
            fan_in: number of inputs per output of W, as in `Parameter`.
            fan_out: number of outputs per input of W, as in `Parameter`.
            bias: whether there is a bias b.
            units: the unit of each run of weights, as in `Parameter`; by default W's first axis.

        Raises:
            ShapeError: an initializer can't fill the blocks.
        """
        initial = self.initializer or Xavier()
        _check(initial, shape, "initializer")
        W = Parameter("W", shape, fan_in, fan_out, initial, self.decay, self.lr_factor, units)
        if not bias:
            return (W,)
        initial = self.bias_initializer or Zeros()
        each = shape[:1] if units is None else (int(units.max()) + 1,)
        _check(initial, each, "bias_initializer")
        return (W, Parameter("b", each, fan_in, fan_out, initial, False, self.lr_factor))


def _check(initializer: AnyInitializer, shape: Shape, field: str) -> None:
    shape_error = initializer.shape_error(shape)
    if shape_error is not None:
        raise ShapeError(shape_error, field)
