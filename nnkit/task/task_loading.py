"""Loads the data of a config: splits it, and fits preprocessing, vocabularies and scaling."""

from __future__ import annotations

from collections.abc import Mapping

from nnkit.data.dataset import Dataset, Samples
from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.data.splits import split_dataset
from nnkit.data.target_scaling import TargetScaler
from nnkit.data.texts import is_text
from nnkit.errors import SettingError
from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.params import Shape
from nnkit.task.config import Config
from nnkit.task.config_loading import ConfigLike, load_config
from nnkit.task.data_files import check_data_files
from nnkit.task.evaluation_metrics import check_metrics
from nnkit.task.model_factory import model_for
from nnkit.task.sequence_coding import SequenceCoding, predicted
from nnkit.task.task import Task


def load_task(config: Config, dataset: Dataset | None = None) -> Task:
    """Loads the data, splits it and fits the preprocessing on the training set.

    Args:
        config: the config.
        dataset: its data, if it is loaded already.

    Raises:
        DataError: the data is missing or damaged.
        SettingError: the split, the preprocessing or the scaling does not fit the data.
    """
    if dataset is None:
        check_data_files(config)
        dataset = config.data.load()
    sets = split_dataset(dataset, config.data.split, config.seed)
    for name in config.training.evaluate_on or ():
        if name not in sets:
            raise SettingError(
                ("training", "evaluate_on"),
                f"there is no {name} set; {config.data.source.share_setting(name)} is 0",
            )
    coding = _fitted_coding(config, sets["train"])
    if coding is None:
        preprocessor = Preprocessor.fit(
            config.data.preprocess,
            sets["train"].inputs,
            dataset.columns,
            ignorable=config.data.source.has_setting("ignore"),
        )
    else:
        preprocessor = Preprocessor((), (), ())
    scaler = _fitted_scaler(config, dataset, sets)
    threshold = _threshold(config, dataset, sets)
    task = Task(config, dataset, sets, preprocessor, scaler, threshold, coding)
    check_metrics(
        config.training.metrics, task.target_kind, has_decoder=bool(config.architecture.decoder)
    )
    return task


def _fitted_coding(config: Config, train: Samples) -> SequenceCoding | None:
    """The vocabularies of texts, built from the training set; None for data without texts."""
    data = config.data
    if not is_text(train.inputs):
        for name in ("text", "target_text", "windows"):
            if getattr(data, name) is not None:
                raise SettingError(("data", name), "has no effect: this data has no texts")
        if data.targets == "next":
            raise SettingError(("data", "targets"), "'next' is for texts, which this data has not")
        return None
    if data.preprocess:
        raise SettingError(
            ("data", "preprocess"), "is for numbers, but this data is text; see data.text"
        )
    coding = data.text or data.source.text_coding
    predicts = predicted(train, data.targets, has_decoder=config.architecture.decoder != ())
    return SequenceCoding.fit(predicts, coding, data.target_text or coding, data.windows, train)


def _fitted_scaler(
    config: Config, dataset: Dataset, sets: Mapping[str, Samples]
) -> TargetScaler | None:
    scaling = config.data.target
    if not scaling.scales:
        return None
    if dataset.classes is not None:
        raise SettingError(
            ("data", "target"),
            f"'{scaling.tag()}' scales numbers to predict, but the targets are "
            f"{len(dataset.classes)} classes",
        )
    return TargetScaler.fit(scaling, sets)


def _threshold(config: Config, dataset: Dataset, sets: Mapping[str, Samples]) -> float | None:
    """The decision threshold that the config gives; None if there is none, or none yet."""
    threshold, path = config.activation.threshold, ("activation", "threshold")
    if threshold is None:
        return None
    classes = None if config.data.targets == "inputs" else dataset.classes
    if classes is None or len(classes) != 2:
        found = "no classes" if classes is None else f"{len(classes)} classes"
        raise SettingError(path, f"a threshold is for two classes, but the data has {found}")
    if threshold.maximize is not None and "validation" not in sets:
        share = config.data.source.share_setting("validation")
        raise SettingError((*path, "maximize"), f"needs a validation set; set {share}")
    return threshold.value


def build_model(
    config: ConfigLike, input_shape: Shape | None = None, dtype: str | None = None
) -> Model:
    """The config's model with initial weights.

    Args:
        config: a config from `load_config`, or what it takes.
        input_shape: shape of one preprocessed sample; default: that of the config's data, which
            models of texts and layers with `units: auto` need.
        dtype: type of the parameters; default: `training.precision`.

    Raises:
        ConfigError: a layer cannot take the shape of its input.
        DataError: the data is needed, and is missing or damaged.
    """
    config = load_config(config)
    with config.locating():
        if input_shape is None:
            return load_task(config).build_model(dtype)
        return model_for(config, Form.of(input_shape), dtype=dtype)
