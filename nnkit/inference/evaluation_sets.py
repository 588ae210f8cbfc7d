"""The samples that a trained model is evaluated on: a set of its own data, or other data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnkit.data.dataset import Dataset, Samples
from nnkit.data.in_memory import samples_in_memory
from nnkit.data.sources.source import ExpectedData
from nnkit.data.target_scaling import TargetScaler
from nnkit.errors import DataError, SettingError, UsageError
from nnkit.inference.model_inputs import ModelInputs
from nnkit.nn.model import Model
from nnkit.task.config import Config
from nnkit.task.prepared_set import PreparedSet
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task

EvaluationData = str | Path | tuple[Any, Any] | None


class EvaluationSet(NamedTuple):
    """Labelled samples, with the task that they belong to.

    Attributes:
        task: the task, with the statistics and the threshold of the checkpoint.
        samples: the samples.
        name: the name of the set; None for data that is not the model's own.
    """

    task: Task
    samples: Samples
    name: str | None

    def prepared_for(self, model: Model) -> PreparedSet:
        """The samples as inputs of the network and targets of the loss."""
        with self.task.config.locating():
            return self.task.prepare(self.samples, model)


@dataclass(frozen=True, slots=True)
class EvaluationSets:
    """Loads labelled data as the samples of one trained model.

    Attributes:
        config: the config of the model.
        header: the header of its checkpoint, with the fingerprint of its data.
        inputs: reads inputs as the model takes them.
        scaler: converts outputs to the units of the targets; None if they were not scaled.
        classes: the names of the classes that whole samples have; None if they have none.
    """

    config: Config
    header: Mapping[str, Any]
    inputs: ModelInputs
    scaler: TargetScaler | None
    classes: tuple[str, ...] | None

    def load(self, split: str | None, data: EvaluationData) -> EvaluationSet:
        """Loads a set of a model's data, or all of other labelled data.

        Args:
            split: `train`, `validation` or `test`, split as in training; None for the test set, or
                for other data.
            data: other data, as a file or folder, or in memory as (X, y); or the place where the
                model's own data is now; None for the place where it was.

        Raises:
            DataError: the data is missing, has changed, or does not fit the model.
            UsageError: there is no such set.
        """
        if isinstance(data, tuple):
            if split is not None:
                raise UsageError(f"data in memory has no {split} set; all of it is evaluated")
            return self._other(self._in_memory(*data))
        dataset = None
        if data is not None:
            found = self._data_at(Path(data))
            if isinstance(found, Samples):
                if split is not None:
                    raise UsageError(
                        f"{data} is not the data that this model was trained on, so it has no "
                        f"{split} set; all of it is evaluated without --split"
                    )
                return self._other(found)
            dataset = found
        return self._own("test" if split is None else split, dataset)

    def _own(self, name: str, dataset: Dataset | None) -> EvaluationSet:
        """A set of the data that the model was trained on."""
        with self.config.locating():
            task = load_task(self.config, dataset)
            if task.fingerprint != self.header["data"]:
                raise DataError(
                    "the data has changed since this model was trained; with --data FILE all of a "
                    "file is evaluated"
                )
            if name not in task.sets:
                hint = ""
                if name == "test":  # the usual one
                    held_out = "validation" if "validation" in task.sets else "train"
                    hint = f"; --split {held_out} evaluates that one"
                raise UsageError(f"there is no {name} set; available: {', '.join(task.sets)}{hint}")
            return EvaluationSet(self._fitted(task), task.sets[name], name)

    def _other(self, samples: Samples) -> EvaluationSet:
        """The set of other labelled samples, whose own classes are balanced if classes are."""
        dataset = self._dataset_of(samples)
        task = Task(self.config, dataset, {"train": samples}, self.inputs.preprocessor)
        return EvaluationSet(self._fitted(task), samples, None)

    def _fitted(self, task: Task) -> Task:
        """A task with the statistics and the threshold of the checkpoint."""
        return replace(
            task,
            preprocessor=self.inputs.preprocessor,
            scaler=self.scaler,
            coding=self.inputs.coding,
            threshold=self.header.get("threshold"),
        )

    def _dataset_of(self, samples: Samples) -> Dataset:
        return Dataset(
            samples,
            classes=self.classes,
            columns=self.inputs.columns,
            label=self.header.get("label", ""),
        )

    def _in_memory(self, X: Any, y: Any) -> Samples:
        source = self.config.data.source
        classes = None if self.config.data.targets == "inputs" else self.classes
        return samples_in_memory(
            self.inputs.checked(X),
            y,
            classes,
            missing_target=source.on_missing_target,
            notation=source.notation,
        )

    def _data_at(self, place: Path) -> Dataset | Samples:
        """The data that the model was trained on, if it is at this place now; else other samples.

        A single set is read once, as other data; if it is the model's own, that gives the same.
        """
        source, unknown = self.config.data.source, self.inputs.preprocessor.unknown
        samples = None
        if self.config.data.targets == "labels" and source.is_single_set(place):
            samples = self._read(place)
        try:
            moved = source.moved(place)
            dataset = moved.read() if samples is None else self._dataset_of(samples)
            dataset = moved.with_held_out(dataset, unknown=unknown)
        except (DataError, SettingError, UsageError):
            dataset = None
        if dataset is not None and dataset.fingerprint() == self.header["data"]:
            return dataset
        return self._read(place) if samples is None else samples

    def _read(self, place: Path) -> Samples:
        """Reads labelled data that is not the model's own, matched to its columns and classes."""
        samples = self._read_labelled(place)
        shape = samples.inputs.shape[1:]
        if shape != self.inputs.shape:
            raise DataError(
                f"{place}: samples of shape {shape}; this model expects {self.inputs.expected}"
            )
        return samples

    def _read_labelled(self, place: Path) -> Samples:
        if self.inputs.columns and self.config.data.targets == "inputs":
            inputs = self.inputs.table(place)
            return Samples(inputs, np.zeros((len(inputs), 1)))
        expected = ExpectedData(
            self.inputs.columns,
            self.header.get("label", ""),
            self.classes,
            self.inputs.preprocessor.unknown,
        )
        source = self.config.data.source
        if source.has_setting("missing_target"):  # rows without a label cannot be evaluated
            source = source.model_copy(update={"missing_target": "drop"})
        return source.read_labelled(place, expected)
