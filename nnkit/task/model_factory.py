"""Makes a config's model for data of a form."""

from __future__ import annotations

from nnkit.data.text.symbol_table import Reserved
from nnkit.errors import SettingError
from nnkit.nn.architecture import build_stages
from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.seq2seq.encoder_decoder import build_encoder_decoder
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.task.config import Config
from nnkit.task.sequence_coding import SequenceCoding


def model_for(
    config: Config,
    form: Form,
    outputs: int | None = None,
    coding: SequenceCoding | None = None,
    dtype: str | None = None,
) -> Model:
    """A config's model with initial weights, for data of a form.

    Args:
        config: the config.
        form: the form of one preprocessed sample.
        outputs: the units of an output layer with `units: auto`; None if there is none.
        coding: the vocabularies of texts, which a network with a decoder needs.
        dtype: type of the parameters; default: `training.precision`.

    Raises:
        SettingError: layers, loss and data do not fit together.
    """
    settings = config.regularization.dropout, config.regularization.input_noise
    dtype = dtype or config.training.precision
    if config.architecture.decoder:
        if coding is None or coding.targets is None:
            raise SettingError(
                ("architecture", "decoder"), "a decoder needs texts, which this data has not"
            )
        symbols = coding.targets.symbols
        parts = build_encoder_decoder(
            config.architecture, config.activation, config.loss, form, len(symbols), *settings
        )
        start = symbols.number(Reserved.START)
        forcing = config.training.teacher_forcing
        return Seq2SeqModel(parts, config.loss, start, config.seed, dtype, forcing)
    stages = build_stages(
        config.architecture,
        config.activation,
        config.loss,
        form,
        *settings,
        outputs,
    )
    return Model(stages, config.loss, config.seed, dtype)
