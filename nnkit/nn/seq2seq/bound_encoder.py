"""An encoder bound to a batch: its layers, and the bridge to the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nnkit.nn.chain import bind_chain
from nnkit.nn.form import Form
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.states import LayerState, States
from nnkit.nn.seq2seq.decoder_start import NetworkState
from nnkit.nn.seq2seq.encoder_decoder import EncoderDecoder
from nnkit.nn.seq2seq.encoder_memory import EncoderMemory


class BoundEncoder:
    """Turns source sequences into what a decoder reads, and into its first state."""

    def __init__(self, layers: EncoderDecoder, binding: Binding) -> None:
        self.start = layers.start
        self.chain = bind_chain(layers.encoder, binding)
        self.bridge = None
        if layers.bridge:
            summary = Form(layers.start.encoder[-1].width)
            own = replace(binding, form=summary, input_gradient=True, input_is_batch_first=False)
            self.bridge = bind_chain(layers.bridge, own)

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers of the encoder and the bridge by full name."""
        of_bridge = {} if self.bridge is None else self.bridge.layers
        return {**self.chain.layers, **of_bridge}

    def forward(self, X: Array, now: Pass) -> tuple[EncoderMemory, dict[str, LayerState]]:
        """Returns the outputs for the decoder and the first state of each of its recurrent layers.

        Args:
            X: source sequences, (*input shape, N).
            now: the current pass.
        """
        states = States()
        H = self.chain.forward(X, now._replace(states=states))
        summary = None
        if self.start.encoder:
            last = self.start.encoder[-1]
            summary = last.joined(states.last[last.name])[0]
        memory = EncoderMemory.of(H, now.lengths, summary)
        over = None
        if self.bridge is not None:
            assert summary is not None
            over = self.bridge.forward(summary, now)
        return memory, self.start.first(states.last, over)

    def backward(self, memory: EncoderMemory, d_first: NetworkState, now: Pass) -> None:
        """Writes the gradients of the parameters.

        Args:
            memory: what the decoder read, with its gradients.
            d_first: the gradients of the decoder's first states.
            now: the current pass.
        """
        d_summary = memory.d_summary if memory.summary is not None else None
        d_bridge = self.start.d_bridge(d_first)
        if self.bridge is not None:
            assert d_bridge is not None
            assert d_summary is not None
            through_bridge = self.bridge.backward(d_bridge, now)
            assert through_bridge is not None
            d_summary = d_summary + through_bridge
        states = States()
        states.d_last = self.start.d_last(d_first, d_summary)
        dH = np.ascontiguousarray(memory.d_values.swapaxes(0, 1)).transpose(2, 0, 1)
        self.chain.backward(dH, now._replace(states=states))

    def release(self) -> None:
        """Drops references to the last input."""
        self.chain.release()
