"""The same architectures in PyTorch, to be measured beside ours; nothing else needs PyTorch."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

from bach_tf.models import ConvLSTM


class TorchConvLSTM(nn.Module):
    """`bach_tf.models.ConvLSTM`: ids `(B, T)` to logits `(B, T, V)`."""

    def __init__(self, vocab_size: int, embedding: int, filters: list[int], units: int):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding)
        channels = [embedding, *filters]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, 2, dilation=2**number)
            for number, (before, after) in enumerate(zip(channels, filters))
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(size, eps=1e-3) for size in filters)
        self.recurrent = nn.LSTM(filters[-1], units, batch_first=True)
        self.logits = nn.Linear(units, vocab_size)

    def forward(self, ids):
        """Return the logits of the id after each of `ids`."""
        x = self.embedding(ids).transpose(1, 2)  # (B, E, T)
        for convolution, norm in zip(self.convolutions, self.norms):
            x = nn.functional.pad(x, (convolution.dilation[0], 0))
            x = norm(torch.relu(convolution(x)))  # (B, F, T)
        x, _ = self.recurrent(x.transpose(1, 2))  # (B, T, U)
        return self.logits(x)


def conv_lstm_of(model: ConvLSTM) -> TorchConvLSTM:
    """Return the same model in PyTorch, with the same weights."""
    filters = [layer.conv.filters for layer in model.convolutions]
    vocab_size, embedding = model.embedding.embeddings.shape
    twin = TorchConvLSTM(vocab_size, embedding, filters, model.recurrent.units).eval()
    _copy(twin.embedding.weight, model.embedding.embeddings)
    for theirs, ours in zip(twin.convolutions, model.convolutions):
        _copy(theirs.weight, np.transpose(ours.conv.kernel, (2, 1, 0)))
        _copy(theirs.bias, ours.conv.bias)
    for theirs, ours in zip(twin.norms, model.norms):
        pairs = ("weight", "gamma"), ("bias", "beta")
        pairs += ("running_mean", "moving_mean"), ("running_var", "moving_variance")
        for name, source in pairs:
            _copy(getattr(theirs, name), getattr(ours, source))
    cell = model.recurrent.cell
    # Both have the gates in the order input, forget, cell, output.
    _copy(twin.recurrent.weight_ih_l0, np.transpose(cell.kernel))
    _copy(twin.recurrent.weight_hh_l0, np.transpose(cell.recurrent_kernel))
    _copy(twin.recurrent.bias_ih_l0, cell.bias)
    _copy(twin.recurrent.bias_hh_l0, np.zeros(cell.bias.shape))
    _copy(twin.logits.weight, np.transpose(model.logits.kernel))
    _copy(twin.logits.bias, model.logits.bias)
    return twin


def growing_piece_seconds(model: nn.Module, start: int, notes: int) -> float:
    """Return the seconds of writing notes by reading the whole piece again for each."""
    torch.manual_seed(0)
    with torch.inference_mode():
        model(torch.tensor([[start]]))  # warmed up
        begin = time.perf_counter()
        ids = [start]
        for _ in range(notes):
            logits = model(torch.tensor([ids]))[0, -1]
            ids.append(int(torch.multinomial(torch.softmax(logits, 0), 1)))
    return time.perf_counter() - begin


def _copy(target, source) -> None:
    with torch.no_grad():
        target.copy_(torch.from_numpy(np.array(source, np.float32)))
