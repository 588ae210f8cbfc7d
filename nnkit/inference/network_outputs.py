"""The outputs of a trained model: preprocessing, the network, and the units of the targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.data.ragged import Ragged
from nnkit.data.target_scaling import TargetScaler
from nnkit.errors import DataError
from nnkit.inference.model_inputs import ModelInputs
from nnkit.inference.text_outputs import outputs_of
from nnkit.nn.model import Model
from nnkit.nn.numerics import numerics_of, program_threads
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.task.sequence_coding import SequenceCoding

OVERFLOW = "the inputs are so large that the network's outputs are not finite"


@dataclass(frozen=True, slots=True)
class NetworkOutputs:
    """Computes the outputs of a trained model; any number of threads may do so at once.

    Attributes:
        model: the model with its trained parameters.
        inputs: reads what users pass as raw inputs.
        preprocessor: converts raw inputs to network inputs.
        scaler: converts outputs to the units of the targets; None if they were not scaled.
        coding: the vocabularies of texts; None for models of other data.
        threads: the most threads of the compiled kernels; None for as many as are worth it.
        info: the checkpoint's header.
    """

    model: Model
    inputs: ModelInputs
    preprocessor: Preprocessor
    scaler: TargetScaler | None
    coding: SequenceCoding | None
    threads: int | None
    info: Mapping[str, Any]

    def of(self, X: Any) -> Array:
        """The outputs (n, outputs) for what users pass, all of them finite.

        Raises:
            DataError: the model cannot take X, or an output is not finite.
        """
        if self.coding is None:
            X = self.inputs.converted(X)
            found = self._predicted(X)
            if found is not None:
                return found
        outputs = self.computed(self.inputs.checked(X))
        if not np.isfinite(outputs).all():
            raise DataError(OVERFLOW)
        return outputs

    def _predicted(self, X: Array) -> Array | None:
        """The outputs by one call of the compiled kernels, which is much faster for few samples.

        None if these do not know the network or the preprocessing, or if something is not finite.
        """
        model = self.model
        if not model.can_predict or not X.flags.c_contiguous:
            return None
        factor = self.preprocessor.factor(X.dtype, model.dtype)
        if factor is None:
            return None
        threads = self._most_threads(len(X))
        outputs, is_finite = model.predictors.outputs(X, threads, factor, checks=True)
        if not is_finite:
            return None
        if self.scaler is None:
            return outputs
        outputs = self.scaler.undo(outputs)
        return outputs if np.isfinite(outputs).all() else None

    def computed(self, X: Array) -> Array:
        """The outputs (n, outputs) for raw inputs; where these are large, they may be infinite."""
        execution = self.execution(len(X))
        if self.coding is not None:
            if self.coding.predicts == "text":
                raise DataError("a decoder computes one symbol after another; use predict or write")
            with numerics_of(execution):
                found = outputs_of(self.model, self.coding.encode_inputs(X), execution)
            outputs = found.values if isinstance(found, Ragged) else found
            return outputs if self.scaler is None else self.scaler.undo(outputs)
        with numerics_of(execution):
            prepared = self.preprocessor(X, self.model.dtype)
            outputs = self.model.forward(prepared, execution=execution)
            return outputs if self.scaler is None else self.scaler.undo(outputs)

    def execution(self, samples: int) -> Execution:
        """The threads, and the compiled kernels if they know the network.

        NumPy takes the threads of training, because it rounds differently with another number.
        """
        if self.model.program is None:
            return Execution(self.info["threads"])
        return Execution(self._most_threads(samples), program=True)

    def _most_threads(self, samples: int) -> int:
        """The most threads of the compiled kernels."""
        return self.threads or program_threads(self.model, samples)
