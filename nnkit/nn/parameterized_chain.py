"""A chain of layers with the flat vectors of its parameters, gradients and running state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from nnkit.native.bound_layers import are_dense
from nnkit.native.library import NUMPY, kernels, library
from nnkit.native.packed_weights import PackedWeights
from nnkit.native.program import ProgramLoss
from nnkit.nn.activation import Activation
from nnkit.nn.arena import Buffers
from nnkit.nn.form import Form, Positions, ShapeError
from nnkit.nn.layer import Binding
from nnkit.nn.layer_spec import Stage, rebuild_stages
from nnkit.nn.length_limits import LengthLimits, find_limits
from nnkit.nn.loss import Loss
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array, Layout, Shape
from nnkit.nn.programs import Layers, program_layers, program_loss, unknown_part
from nnkit.ranks import ALONE

PROGRAM_TYPES = (np.float32, np.float64)  # what the compiled kernels compute in


class ParameterizedChain:
    """A chain of layers with its parameters, and the loss at its end.

    Attributes:
        stages: the chain of layers; the last is the output activation.
        loss: the objective to minimize.
        layout: the place of each parameter block in the flat vectors.
        params: all parameters, shape (layout.size,).
        grads: the gradients of all parameters, shape (layout.size,), overwritten by each backward
            pass.
        state: values that change in training without being trained, such as running means.
        state_layout: the place of each block in `state`.
        execution: the default execution settings.
        ranks: the processes that train the model together, each with a copy.
        is_frozen: whether parameters are read-only, and weights packed only once.
    """

    def __init__(self, stages: Sequence[Stage], loss: Loss, seed: int, dtype: str) -> None:
        self.stages = tuple(stages)
        self.loss = loss
        self.seed = seed
        self.dtype = np.dtype(dtype)
        self.layout = Layout(
            replace(parameter, name=f"{stage.name}.{parameter.name}")
            for stage in self.stages
            for parameter in stage.parameters
        )
        self.state_layout = Layout(
            replace(parameter, name=f"{stage.name}.{parameter.name}")
            for stage in self.stages
            for parameter in stage.state
        )
        self.params = self.layout.zeros(self.dtype)
        self.grads = self.layout.zeros(self.dtype)
        self.state = self.state_layout.zeros(self.dtype)
        self.initialize()
        self.execution = Execution()
        self.ranks = ALONE
        self.is_frozen = False

    def initialize(self) -> None:
        """Initializes the parameters and the running state."""
        self.layout.initialize(self.params, self.seed)
        self.state_layout.initialize(self.state, self.seed)

    def freeze(self) -> None:
        """Makes parameters and running state read-only, so that weights are packed only once.

        Until then, each prediction packs them. Views that were made before must not be written to.
        To change the parameters nevertheless, set `params.flags.writeable`: the next prediction
        packs them anew.
        """
        self.params.flags.writeable = self.state.flags.writeable = False
        self._forget_weights(is_frozen=True)

    def _forget_weights(self, is_frozen: bool) -> None:
        """Drops the packed weights."""
        self.__dict__.pop("_kept_weights", None)
        self.is_frozen = is_frozen

    @property
    def packed_weights(self) -> PackedWeights | None:
        """The packed weights of a frozen network of dense layers; None of others."""
        return self._kept_weights if self.is_frozen else None

    @cached_property
    def _kept_weights(self) -> PackedWeights | None:
        loaded = library()
        assert loaded is not None
        assert self.program is not None
        layers = self.program[0].inference
        return PackedWeights(loaded, layers, self.params) if are_dense(layers) else None

    @property
    def input_form(self) -> Form:
        """The form of one sample."""
        return self.stages[0].input_form

    @property
    def input_type(self) -> np.dtype[Any]:
        """The type of inputs: that of the parameters, or an integer type for ids."""
        return np.dtype(np.int32) if self.input_form.ids else self.dtype

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample."""
        return self.stages[0].input_shape

    @property
    def output_form(self) -> Form:
        """The form of one sample's output."""
        return self.stages[-1].output_form

    @property
    def output_shape(self) -> Shape:
        """The shape of one sample's output."""
        return self.stages[-1].output_shape

    @property
    def output_activation(self) -> Activation:
        """The activation of the last stage."""
        activation = self.stages[-1].spec.applied_activation
        assert activation is not None
        return activation

    def stages_at(self, positions: Positions) -> Sequence[Stage]:
        """The stages for samples of those positions, if they vary."""
        if not self.input_form.varies:
            return self.stages
        return tuple(rebuild_stages(self.stages, self.input_form.at(positions)))

    @cached_property
    def length_limits(self) -> LengthLimits:
        """The lengths of sequences that all layers take; no limits if positions do not vary."""
        return find_limits(self._takes) if self.input_form.varies else LengthLimits()

    def _takes(self, length: int) -> bool:
        """Whether all layers take sequences of a length."""
        try:
            self.stages_at((length,))
        except ShapeError:
            return False
        return True

    @cached_property
    def multiplications(self) -> int:
        """The number of multiplications by weights for one sample."""
        return sum(stage.multiplications for stage in self.stages)

    @cached_property
    def program(self) -> tuple[Layers, ProgramLoss] | None:
        """The layers and the loss for the compiled kernels; None if these lack one of them."""
        loss = program_loss(self.stages, self.loss)
        if loss is None or library() is None or self.dtype not in PROGRAM_TYPES:
            return None
        layers = program_layers(
            self.stages, self.layout, self.state_layout, loss, self.seed, self.dtype
        )
        return None if layers is None else (layers, loss)

    @cached_property
    def unknown_to_kernels(self) -> str | None:
        """The part because of which the compiled kernels do not run the network, if any."""
        if self.program is not None or library() is None:
            return None
        return unknown_part(self.stages, self.layout, self.state_layout, self.loss, self.seed)

    @property
    def computed_by(self) -> str:
        """The name of what computes the layers in training: kernels like `avx2`, NumPy or both."""
        found = kernels()
        one_by_one = self.unknown_to_kernels is not None or self.needs_ranks
        return f"{NUMPY} and {found}" if one_by_one and found != NUMPY else found

    @property
    def needs_ranks(self) -> bool:
        """Whether several ranks compute layers together in training."""
        return self.ranks.size > 1 and self.needs_batch

    @cached_property
    def needs_batch(self) -> bool:
        """Whether a layer combines the samples of a batch in training."""
        return any(stage.spec.needs_batch for stage in self.stages)

    @cached_property
    def splits_batches(self) -> bool:
        """Whether training splits batches into micro-batches; samples must be independent."""
        outgrows = any(stage.spec.outgrows_cache for stage in self.stages)
        return outgrows and not self.needs_batch

    def shares_batches(self, training: bool) -> bool:
        """Whether threads share the samples of a batch rather than the work of each layer."""
        return self.splits_batches or not training

    def binding(
        self, form: Form, batch: int, buffers: Buffers, grads: Array, training: bool
    ) -> Binding:
        """A binding of the whole chain to the flat vectors and a batch size.

        Args:
            form: the form of its inputs, whose sizes are fixed.
            batch: the number of samples, N.
            buffers: allocates the buffers.
            grads: where gradients are written, shape (layout.size,).
            training: whether it will be trained.
        """
        return Binding(
            form=form,
            batch=batch,
            buffers=buffers,
            dtype=self.dtype,
            params=self.layout.views(self.params),
            grads=self.layout.views(grads),
            state=self.state_layout.views(self.state),
            training=training,
            input_gradient=False,
            input_is_scratch=False,
            input_is_batch_first=True,
            ranks=self.ranks,
            seed=self.seed,
            name="",
        )
