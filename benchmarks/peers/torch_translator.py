"""The translator of `benchmarks.translation_quality` in PyTorch, with the parameters of nnkit's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

IGNORED = -100  # as a target, after the end of a sequence


class Translator(nn.Module):  # type: ignore[misc]
    """A bidirectional GRU, and a GRU with general attention, each after an embedding.

    Dropout stands after the embeddings and before the output.
    """

    def __init__(self, params: Mapping[str, Any], rates: tuple[float, float, float]) -> None:
        """Takes the initial values of the parameters of nnkit.

        Args:
            params: arrays by name, of the encoder's layers 0 (embedding) and 2 (GRU), the bridge,
                and the decoder's layers 0, 2, 3 (attention) and 5 (dense).
            rates: of dropout after the encoder's embedding, after the decoder's, and before the
                output.
        """
        super().__init__()
        self.rates = rates
        self.of_source, self.of_target = (
            nn.Embedding(*params[f"{part}.0.W"].shape) for part in ("encoder", "decoder")
        )
        (_, inputs), (_, units) = params["encoder.2.U"].shape, params["encoder.2.W"].shape
        self.encoder = nn.GRU(inputs, units, bidirectional=True, batch_first=True)
        self.bridge = nn.Linear(*reversed(params["bridge.W"].shape))
        (_, inputs), (_, units) = params["decoder.2.U"].shape, params["decoder.2.W"].shape
        self.decoder = nn.GRU(inputs, units, batch_first=True)
        self.key = nn.Linear(*reversed(params["decoder.3.W_a"].shape), bias=False)
        self.combine = nn.Linear(*reversed(params["decoder.3.W_c"].shape))
        self.output = nn.Linear(*reversed(params["decoder.5.W"].shape))
        with torch.no_grad():
            for name, tensor in self.by_name():
                tensor.copy_(torch.from_numpy(params[name]))
            for rows in self._doubled_biases():
                rows.zero_()

    def by_name(self) -> Iterator[tuple[str, Any]]:
        """Yields the parameters by their names in nnkit; views of PyTorch's."""
        layers = {
            "encoder.0": self.of_source,
            "decoder.0": self.of_target,
            "bridge": self.bridge,
            "decoder.5": self.output,
        }
        for name, layer in layers.items():
            yield f"{name}.W", layer.weight
        yield "bridge.b", self.bridge.bias
        yield "decoder.5.b", self.output.bias
        yield "decoder.3.W_c", self.combine.weight
        yield "decoder.3.b_c", self.combine.bias
        yield "decoder.3.W_a", self.key.weight
        for name, gru, suffix in self._directions():
            of_state = getattr(gru, f"bias_hh_{suffix}")
            yield f"{name}.U", getattr(gru, f"weight_ih_{suffix}")
            yield f"{name}.W", getattr(gru, f"weight_hh_{suffix}")
            yield f"{name}.b", getattr(gru, f"bias_ih_{suffix}")
            yield f"{name}.d", of_state[2 * gru.hidden_size :]

    def _directions(self) -> Iterator[tuple[str, Any, str]]:
        yield "encoder.2", self.encoder, "l0"
        yield "encoder.2.reverse", self.encoder, "l0_reverse"
        yield "decoder.2", self.decoder, "l0"

    def _doubled_biases(self) -> Iterator[Any]:
        """Yields the biases that PyTorch adds to r and z beside those that nnkit has."""
        for _, gru, suffix in self._directions():
            yield getattr(gru, f"bias_hh_{suffix}")[: 2 * gru.hidden_size]

    def forward(self, X: Any, lengths: Any, given: Any) -> Any:
        """The logits (N, T, symbols) of each symbol of the targets, for the symbols before.

        Args:
            X: the sources, (N, T).
            lengths: their lengths, (N,).
            given: the targets, delayed by one position, (N, T).
        """
        before, after, last = self.rates
        packed = pack_padded_sequence(
            dropout(self.of_source(X), before, self.training),
            lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        H, h = self.encoder(packed)
        H, _ = pad_packed_sequence(H, batch_first=True)
        first = torch.tanh(self.bridge(torch.cat([h[0], h[1]], 1)))
        S, _ = self.decoder(dropout(self.of_target(given), after, self.training), first[None])
        padding = torch.arange(H.shape[1])[None] >= lengths[:, None]
        scores = torch.bmm(S, self.key(H).transpose(1, 2)).masked_fill(padding[:, None], -1e9)
        Y = torch.tanh(self.combine(torch.cat([torch.bmm(scores.softmax(-1), H), S], 2)))
        return self.output(dropout(Y, last, self.training))

    def loss(self, X: Any, lengths: Any, T: Any, target_lengths: Any, smoothing: float) -> Any:
        """The mean loss of a symbol of the targets T (N, T), of these lengths."""
        given = torch.cat([torch.zeros_like(T[:, :1]), T[:, :-1]], 1)
        after = torch.arange(T.shape[1])[None] >= target_lengths[:, None]
        return cross_entropy(
            self(X, lengths, given).flatten(0, 1),
            T.masked_fill(after, IGNORED).flatten(),
            ignore_index=IGNORED,
            label_smoothing=smoothing,
        )

    def keep_doubled_biases(self) -> None:
        """Sets the gradients of the biases that nnkit does not have to 0."""
        for _, gru, suffix in self._directions():
            getattr(gru, f"bias_hh_{suffix}").grad[: 2 * gru.hidden_size] = 0
