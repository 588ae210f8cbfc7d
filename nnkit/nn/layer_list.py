"""A config's list of layers, and the rules that place activations among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from nnkit.errors import SettingError, SettingPath
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.rectifiers import ReLU
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers.weighted import ActivatedLayer


class Rule(NamedTuple):
    """A rule for the placement of activations, with an example.

    Attributes:
        text: the rule.
        layers: `architecture.layers` in YAML, for a config with the loss `cross_entropy`.
        network: the layers of the resulting network; a block is the list of its inner layers.
    """

    text: str
    layers: str
    network: str


RULES = (
    Rule(
        "A layer's own activation follows it.",
        "[dense: {units: 4, activation: tanh}, dense: 3]",
        "[dense, tanh, dense, softmax]",
    ),
    Rule(
        "An `activation` layer is applied where it is written, and replaces the activation of the "
        "layer with weights before it.",
        "[dense: 4, noise: 0.1, activation: tanh, dense: 3]",
        "[dense, noise, tanh, dense, softmax]",
    ),
    Rule(
        "Every other hidden layer with weights is followed by `activation.hidden`, "
        "which is `relu` by default.",
        "[dense: 4, noise: 0.1, dense: 3]",
        "[dense, relu, noise, dense, softmax]",
    ),
    Rule(
        "The output activation comes at the end of the network. It is the last layer's own, "
        "`activation.output`, or the one that matches the loss.",
        "[dense: 4, dense: 3, dropout: 0.5]",
        "[dense, relu, dense, dropout, softmax]",
    ),
    Rule(
        "If pooling or another layer over positions follows the last layer with weights, the "
        "activation of that layer is a hidden one.",
        "[conv: {filters: 3, kernel: 3, activation: elu}, global_avg_pool]",
        "[conv, elu, global_avg_pool, softmax]",
    ),
    Rule(
        "A normalization right after a layer comes before the layer's activation.",
        "[dense: 4, batch_norm, dense: 3]",
        "[dense, batch_norm, relu, dense, softmax]",
    ),
    Rule(
        "Max pooling right after a layer comes before its `relu`: the result is the same, and "
        "fewer numbers are rectified.",
        "[conv: {filters: 3, kernel: 3}, max_pool: 2, flatten, dense: 3]",
        "[conv, max_pool, relu, flatten, dense, softmax]",
    ),
    Rule(
        "In a block, the activation of the last layer with weights comes after the sum, "
        "unless it is the layer's own.",
        "[residual: [dense: 9, dense: 9], dense: 3]",
        "[[dense, relu, dense], relu, dense, softmax]",
    ),
)


class Following(NamedTuple):
    """The activation that follows a layer with weights.

    Attributes:
        activation: the activation.
        path: path of the setting that names it, or of the layer if none does.
        is_written: whether the list already contains it as a separate layer.
    """

    activation: AnyActivation
    path: SettingPath
    is_written: bool = False


@dataclass(frozen=True, slots=True)
class LayerList:
    """The layers of a network, or those inside a block, as the config lists them.

    Attributes:
        layers: the layers from input to output.
        path: path of the setting that contains them.
        is_block: whether they are the layers inside a block.
        key: the key below that setting.
    """

    layers: Sequence[LayerSpec]
    path: SettingPath
    is_block: bool = False
    key: str = "layers"

    def with_blocks(self) -> Iterator[LayerList]:
        """Yields this list and, recursively, the lists of its blocks."""
        yield self
        for index, layer in enumerate(self.layers):
            if layer.layers_inside:
                inside = LayerList(layer.layers_inside, self.path_of(index), is_block=True)
                yield from inside.with_blocks()

    def path_of(self, index: int) -> SettingPath:
        """The config path of the layer at an index."""
        return (*self.path, self.key, index)

    @property
    def weighted(self) -> tuple[int, ...]:
        """The indices of the layers with weights."""
        return tuple(i for i, x in enumerate(self.layers) if isinstance(x, ActivatedLayer))

    @property
    def last(self) -> int:
        """The index of the last layer with weights, whose outputs are those of the network.

        Raises:
            SettingError: no layer has weights.
        """
        if not self.weighted:
            raise SettingError(
                (*self.path, self.key), "no layer here has weights; add '- dense: …'"
            )
        return self.weighted[-1]

    @property
    def last_is_hidden(self) -> bool:
        """Whether the activation of a network's last layer with weights is a hidden one.

        This is the case if pooling or another layer over positions follows it. In Network in
        Network, for example, the last ReLU comes before global pooling and the softmax after it
        (Lin, Chen & Yan 2014, §3.2).
        """
        last = self.last
        if self.own_activation(last) is not None:
            return self.spatial_layer_follows(last)
        written = self.activation_layer_after(last)
        return written is not None and self.spatial_layer_follows(written)

    @property
    def output_layer(self) -> int | None:
        """The index of the layer whose activation comes at the end or after a block's sum, or None.

        In a network this is the last layer with weights, unless its activation is a hidden one. In
        a block it is the last layer with weights, unless that layer sets its own activation.
        """
        if not self.is_block:
            return None if self.last_is_hidden else self.last
        return self.last if self.weighted and self.own_activation(self.last) is None else None

    def spatial_layer_follows(self, index: int) -> bool:
        """Whether a layer over positions, such as pooling, comes after the layer at an index."""
        return any(layer.precedes_output for layer in self.layers[index + 1 :])

    def own_activation(self, index: int) -> AnyActivation | None:
        """The activation that a layer with weights sets itself, or None."""
        layer = self.layers[index]
        return layer.activation if isinstance(layer, ActivatedLayer) else None

    def activation_layer_after(self, index: int) -> int | None:
        """The index of the activation layer between a layer and the next one with weights, or None.

        As in PyTorch and Keras, `conv`, `max_pool`, `activation: tanh` computes the tanh of the
        maximum, and no other activation is inserted before the pooling.
        """
        for following in range(index + 1, len(self.layers)):
            if self.layers[following].applied_activation is not None:
                return following
            if isinstance(self.layers[following], ActivatedLayer):
                return None
        return None

    def following(self, index: int, hidden: AnyActivation | None) -> Following:
        """The activation that follows a hidden layer with weights.

        Args:
            index: the layer's index.
            hidden: `activation.hidden`.
        """
        own, written = self.own_activation(index), self.activation_layer_after(index)
        if own is not None:
            return Following(own, (*self.path_of(index), "activation"))
        if written is not None:
            applied = cast("AnyActivation", self.layers[written].applied_activation)
            return Following(applied, (*self.path_of(written), "function"), is_written=True)
        if hidden is not None:
            return Following(hidden, ("activation", "hidden"))
        return Following(ReLU(), self.path_of(index))

    def output(self, output: AnyActivation | None, of_loss: AnyActivation) -> Following:
        """The output activation and the setting that determines it.

        Args:
            output: `activation.output`.
            of_loss: the default output activation for the loss.
        """
        own = None if self.last_is_hidden else self.own_activation(self.last)
        if own is not None:
            return Following(own, (*self.path_of(self.last), "activation"))
        return Following(output or of_loss, ("activation", "output"))

    def is_postponed(self, activation: AnyActivation, index: int) -> bool:
        """Whether the activation of the layer at an index is moved behind the next layer."""
        if self.normalization_follows(index):
            return True
        selects = index + 1 < len(self.layers) and self.layers[index + 1].selects
        return selects and activation.commutes_with_max

    def normalization_follows(self, index: int) -> bool:
        """Whether the next layer is a normalization."""
        return index + 1 < len(self.layers) and self.layers[index + 1].normalizes

    def activation_follows(self, index: int) -> bool:
        """Whether the next layer, apart from normalizations, is an activation."""
        while self.normalization_follows(index):
            index += 1
        following = self.layers[index + 1 : index + 2]
        return any(layer.applied_activation is not None for layer in following)


class EncoderList(LayerList):
    """The layers of an encoder, whose activations are all hidden ones."""

    @property
    def output_layer(self) -> int | None:
        return None
