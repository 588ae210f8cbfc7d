"""A trained model: parameters, preprocessing and class names together, ready to predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nnkit import compiled
from nnkit.data.dataset import Column
from nnkit.data.preprocess import OneHot, Preprocessor
from nnkit.errors import DataError, UsageError
from nnkit.inference.evaluation import evaluate
from nnkit.inference.report import Report, report_on
from nnkit.metrics import chosen
from nnkit.nn.activations import Function
from nnkit.nn.model import Model
from nnkit.nn.numerics import numerics
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array, Shape
from nnkit.task.answers import confidence, decide
from nnkit.task.config import Config
from nnkit.task.task import PreparedSet, load_task

# Number of multiplications from which compiled kernels save more time than they take to load.
WORTH_COMPILING = 10_000_000_000


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model with everything that prediction needs.

    It is thread-safe: any number of threads may predict and evaluate with it at once, in batches
    of any size, and the results are bitwise the same as in a single thread.

    Attributes:
        model: the model with its trained parameters.
        config: the config that it was trained with.
        preprocessor: converts raw inputs to network inputs.
        classes: class names by number; None for real targets.
        raw_shape: shape of one raw sample.
        info: the checkpoint's header: progress, best, figures, versions, data fingerprint.
    """

    model: Model
    config: Config
    preprocessor: Preprocessor
    classes: tuple[str, ...] | None
    raw_shape: Shape
    info: Mapping[str, Any]

    def outputs(self, X: Any) -> Array:
        """Computes the outputs, such as class probabilities, including `activation.inference`.

        Args:
            X: raw samples (n, *raw_shape), as the data source returns them; a single sample
                counts as n = 1.

        Returns:
            The outputs, (n, outputs).

        Raises:
            DataError: X has another shape, or contains NaN or infinity.
        """
        outputs = self._forward(X)
        inference = self.config.activation.inference
        if inference is None:
            return outputs
        Z = np.ascontiguousarray(outputs.T)
        Y = np.empty_like(Z)
        assert isinstance(inference, Function)
        inference.forward(Z, Y)
        return np.ascontiguousarray(Y.T)

    def predict(self, X: Any) -> Array:
        """Predicts class names (n,), or real numbers (n, outputs).

        Args:
            X: as for `outputs`.
        """
        if self.classes is None:
            return self.outputs(X)
        return np.asarray(self.classes)[decide(self._forward(X), self.model.loss)]

    def confidence(self, X: Any) -> Array | None:
        """The probability (n,) of each prediction; None if the outputs are not class probabilities.

        Args:
            X: as for `outputs`.
        """
        if not self.gives_probabilities:
            return None
        outputs = self._forward(X)
        return confidence(outputs, decide(outputs, self.model.loss))

    @property
    def gives_probabilities(self) -> bool:
        """Whether the network's outputs are class probabilities."""
        return self.classes is not None and self.model.output_activation.probability

    def read(self, path: str | Path, **options: Any) -> Any:
        """Reads the digits in a picture with this model; see `nnkit.read_digits`.

        Args:
            path: the picture.
            **options: `reject` and `stages`.

        Returns:
            A `Reading` with the text, the lines, and a confidence and a box for each digit.

        Raises:
            DataError: the file is not a picture, or the model was not trained on images of digits.
        """
        # Imported by name: nnkit.reading is built on top of this package.
        reader = import_module("nnkit.reading.reader")
        return reader.read_digits(path, self, **options)

    def probabilities(self, X: Any) -> Array | None:
        """The probability of each class, (n, classes); None if the outputs are not probabilities.

        Args:
            X: as for `outputs`.
        """
        if not self.gives_probabilities:
            return None
        P = self._forward(X)
        return P if P.shape[1] > 1 else np.concatenate([1 - P, P], axis=1)

    def _forward(self, X: Any) -> Array:
        try:
            X = np.asarray(X)
        except ValueError:
            raise DataError("the samples must all have the same shape") from None
        if X.shape == self.raw_shape:
            X = X[None]
        if self.raw_shape[0] == 1 and X.shape[1:] == self.raw_shape[1:]:
            X = X[:, None]  # grey images (n, H, W), which the array sources accept too
        if X.shape[1:] != self.raw_shape:
            wanted = ("n", *self.raw_shape)
            raise DataError(
                f"inputs of shape {X.shape}; this model expects ({', '.join(map(str, wanted))})"
            )
        if X.dtype.kind not in "buif":
            raise DataError(f"inputs of type {X.dtype}, which is not numeric")
        if X.dtype.kind == "f" and not (np.isfinite(X) | (np.isnan(X) & bool(self.columns))).all():
            raise DataError("NaN or infinity in the inputs")
        with numerics():  # overflow is checked and reported below
            prepared = self.preprocessor(X, self.model.dtype)
            outputs = self.model.forward(prepared, execution=self._execution(len(X)))
        if not np.isfinite(outputs).all():
            raise DataError("the inputs are so large that the network's outputs are not finite")
        return outputs

    @property
    def columns(self) -> tuple[Column, ...]:
        """The raw columns of a table; empty for other data."""
        return self.preprocessor.columns

    def read_picture(self, path: Path) -> Array:
        """Reads a picture as a raw input (1, *raw_shape), in the same way as the data source.

        Raises:
            DataError: the file is not a picture, or the source has no pictures.
        """
        return self.config.data.source.read_picture(path, self.raw_shape)[None]

    def read_table(self, path: Path) -> Array:
        """Reads a CSV file as raw inputs (n, columns); columns are matched by name.

        Words that are not in the training table are an error or, with `one_hot: {unknown: ignore}`,
        a warning.

        Raises:
            DataError: the file is not CSV, a column is missing, or the model does not take tables.
        """
        data = self.config.data
        ignored = any(isinstance(s, OneHot) and s.unknown == "ignore" for s in data.preprocess)
        unknown = "ignore" if ignored else "error"
        return data.source.read_table(path, self.columns, unknown=unknown)

    def evaluate(
        self, split: str = "test", data: Path | None = None
    ) -> tuple[int, dict[str, float]]:
        """Evaluates the model on one set of its data, loaded and split as in training.

        Args:
            split: `train`, `validation` or `test`.
            data: the current path of the data, if it was moved.

        Returns:
            The number of samples, and the metrics that training computes.

        Raises:
            DataError: the data is missing or has changed.
            UsageError: there is no such set.
        """
        prepared = self._prepare(split, data)
        metrics = chosen(self.config.training.metrics, for_classes=self.classes is not None)
        return len(prepared), evaluate(
            self.model, prepared, metrics, self._execution(len(prepared))
        )

    def report(self, split: str = "test", data: Path | None = None) -> Report:
        """Evaluates the model on one set of its data with all metrics, per class, with confusions.

        Args:
            split: `train`, `validation` or `test`.
            data: the current path of the data, if it was moved.

        Raises:
            DataError: the data is missing or has changed.
            UsageError: there is no such set.
        """
        prepared = self._prepare(split, data)
        return report_on(self.model, prepared, split, self.classes, self._execution(len(prepared)))

    def _execution(self, samples: int) -> Execution:
        """The threads of training, and compiled kernels if there are enough samples.

        For a single picture, loading numba would take longer than the prediction.
        """
        worthwhile = self.model.multiplications * samples >= WORTH_COMPILING
        return Execution(self.info["threads"], compiled=worthwhile and compiled.available())

    def _prepare(self, split: str, place: Path | None) -> PreparedSet:
        config = self.config
        if place is not None:
            moved = config.data.model_copy(update={"source": config.data.source.moved(place)})
            config = config.model_copy(update={"data": moved})
        with config.locating():
            task = load_task(config)
            if task.fingerprint != self.info["data"]:
                raise DataError("the data has changed since this model was trained")
            if split not in task.sets:
                raise UsageError(f"there is no {split} set; available: {', '.join(task.sets)}")
            fitted = replace(task, preprocessor=self.preprocessor)
            return fitted.prepare(task.sets[split], self.model)
