"""The network of `benchmarks.translation_speed` in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

IGNORED = -100  # as a target, after the end of a sequence


class Reverser(nn.Module):  # type: ignore[misc]
    """A bidirectional LSTM and an LSTM with general attention, in the fastest known form.

    Without input feeding the decoder's LSTM and attention are one call for all positions.
    """

    def __init__(self, symbols: int, feeding: bool) -> None:
        super().__init__()
        self.feeding = feeding
        self.of_source, self.of_target = nn.Embedding(symbols, 16), nn.Embedding(symbols, 16)
        self.encoder = nn.LSTM(16, 64, bidirectional=True, batch_first=True)
        self.bridge = nn.Linear(128, 128)
        self.cell = nn.LSTMCell(16 + 64, 64)
        self.decoder = nn.LSTM(16, 64, batch_first=True)
        self.key = nn.Linear(128, 64, bias=False)
        self.combine, self.output = nn.Linear(192, 64), nn.Linear(64, symbols)

    def encoded(self, X: Any, lengths: Any) -> tuple[Any, Any, Any, Any]:
        """The encoder's outputs, their keys, the places after the ends, and the first state."""
        packed = pack_padded_sequence(
            self.of_source(X), lengths, batch_first=True, enforce_sorted=False
        )
        H, (h, _) = self.encoder(packed)
        H, _ = pad_packed_sequence(H, batch_first=True)
        first = torch.tanh(self.bridge(torch.cat([h[0], h[1]], 1))).chunk(2, 1)
        return H, self.key(H), torch.arange(H.shape[1])[None] >= lengths[:, None], first

    def attended(self, S: Any, H: Any, K: Any, padding: Any) -> Any:
        """The outputs of attention for states S (N, Q, 64)."""
        scores = torch.bmm(S, K.transpose(1, 2)).masked_fill(padding[:, None], -1e9)
        return torch.tanh(self.combine(torch.cat([torch.bmm(scores.softmax(-1), H), S], 2)))

    def forward(self, X: Any, lengths: Any, given: Any) -> Any:
        """The logits at each position of the targets, for the symbols before."""
        H, K, padding, (h, c) = self.encoded(X, lengths)
        E = self.of_target(given)
        if not self.feeding:
            S, _ = self.decoder(E, (h[None].contiguous(), c[None].contiguous()))
            return self.output(self.attended(S, H, K, padding))
        y, found = torch.zeros(len(X), 64), []
        for t in range(given.shape[1]):
            h, c = self.cell(torch.cat([E[:, t], y], 1), (h, c))
            y = self.attended(h[:, None], H, K, padding)[:, 0]
            found.append(y)
        return self.output(torch.stack(found, 1))

    def learn(self, batches: Sequence[Sequence[Any]]) -> None:
        """Computes the loss and gradient of each batch of tensors (X, T, lengths)."""
        for X, T, lengths in batches:
            given = torch.cat([torch.zeros_like(T[:, :1]), T[:, :-1]], 1)
            after = torch.arange(T.shape[1])[None] > lengths[:, None]
            self.zero_grad(set_to_none=True)
            logits = self(X, lengths, given).flatten(0, 1)
            targets = T.masked_fill(after, IGNORED).flatten()
            cross_entropy(logits, targets, ignore_index=IGNORED).backward()

    def write(self, X: Any, lengths: Any) -> None:
        """Writes a symbol more than each source has, always the most probable."""
        with torch.inference_mode():
            H, K, padding, (h, c) = self.encoded(X, lengths)
            left, symbols = lengths + 1, torch.zeros(len(X), dtype=torch.long)
            y = torch.zeros(len(X), 64)
            while len(left):
                E = self.of_target(symbols)
                if self.feeding:
                    h, c = self.cell(torch.cat([E, y], 1), (h, c))
                else:
                    _, (h, c) = self.decoder(E[:, None], (h[None], c[None]))
                    h, c = h[0], c[0]
                y = self.attended(h[:, None], H, K, padding)[:, 0]
                symbols, left = self.output(y).argmax(1), left - 1
                going = torch.nonzero(left)[:, 0]
                if len(going) < len(left):
                    state = (H, K, padding, h, c, y, symbols, left)
                    H, K, padding, h, c, y, symbols, left = (A[going] for A in state)


def tensors(batch: Sequence[Any]) -> list[Any]:
    """A batch of arrays (T, N), the samples first, and of their lengths (N,)."""
    return [torch.from_numpy(A.T.astype("int64").copy()) for A in batch]
