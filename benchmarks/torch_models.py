"""The same architectures in PyTorch, to be measured beside ours; nothing else needs PyTorch."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from bach_tf._basics.choices import choose
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


class TorchRecurrent(nn.Module):
    """`StackedGRU` and `StackedLSTM`: ids `(B, T)` to logits `(B, T, V)`."""

    def __init__(self, kind, vocab_size: int, embedding: int, settings: dict):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding)
        units = settings["units"]
        self.recurrent = kind(embedding, units, settings["layers"], batch_first=True)
        self.dropout = nn.Dropout(settings["dropout"])
        self.logits = nn.Linear(units, vocab_size)

    def forward(self, ids):
        """Return the logits of the id after each of `ids`."""
        x, _ = self.recurrent(self.embedding(ids))  # (B, T, U)
        return self.logits(self.dropout(x))


class TorchTransformer(nn.Module):
    """`Transformer`, with the same relative attention: ids `(B, T)` to logits `(B, T, V)`."""

    def __init__(self, vocab_size: int, settings: dict):
        super().__init__()
        units, self.period = settings["units"], settings["period"]
        self.embedding = nn.Embedding(vocab_size, units)
        self.place = nn.Embedding(self.period, units)
        self.dropout = nn.Dropout(settings["dropout"])
        self.blocks = nn.ModuleList(TorchBlock(settings) for _ in range(settings["layers"]))
        self.norm = nn.LayerNorm(units)
        self.logits = nn.Linear(units, vocab_size)

    def forward(self, ids):
        """Return the logits of the id after each of `ids`, no more than the context."""
        places = torch.arange(ids.shape[1]) % self.period
        x = self.dropout(self.embedding(ids) + self.place(places))
        for block in self.blocks:
            x = block(x)
        return self.logits(self.norm(x))


class TorchBlock(nn.Module):
    """One block of `Transformer`."""

    def __init__(self, settings: dict):
        super().__init__()
        units, self.heads = settings["units"], settings["heads"]
        self.project = nn.Linear(units, 3 * units, bias=False)
        self.out = nn.Linear(units, units)
        shape = (self.heads, settings["context"], units // self.heads)
        self.distances = nn.Parameter(torch.randn(shape) * shape[-1] ** -0.5)
        self.norms = nn.ModuleList(nn.LayerNorm(units) for _ in range(2))
        self.dropout = nn.Dropout(settings["dropout"])
        self.feed_forward = nn.Sequential(
            nn.Linear(units, settings["feed_forward"]),
            nn.ReLU(),
            nn.Linear(settings["feed_forward"], units),
        )

    def forward(self, x):
        """Return outputs `(B, T, U)` of inputs `(B, T, U)`."""
        x = x + self.dropout(self._attend(self.norms[0](x)))
        return x + self.dropout(self.feed_forward(self.norms[1](x)))

    def _attend(self, x):
        batch, length, units = x.shape
        parts = self.project(x).reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts[0] * (units // self.heads) ** -0.5, parts[1], parts[2]
        distances = torch.einsum("bhqd,hkd->bhqk", query, self.distances[:, -length:])
        padded = nn.functional.pad(distances, (1, 0)).flatten(2)[..., length:]
        scores = query @ key.transpose(2, 3) + padded.reshape(batch, self.heads, length, length)
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(later, -1e9).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).reshape(batch, length, units))


def twin_of(architecture: str, vocab_size: int, settings: dict) -> nn.Module:
    """Return the same architecture in PyTorch, with fresh weights.

    Args:
        architecture: a name in `MODELS`.
        vocab_size: number of ids.
        settings: of the model, as a preset has them.

    Raises:
        ValueError: an architecture that is not here; the message lists those that are.
    """
    return choose(TWINS, architecture, "architecture")(vocab_size, settings)


def _gru(vocab_size: int, settings: dict) -> TorchRecurrent:
    return TorchRecurrent(nn.GRU, vocab_size, settings["units"], settings)


def _lstm(vocab_size: int, settings: dict) -> TorchRecurrent:
    return TorchRecurrent(nn.LSTM, vocab_size, settings["embedding"], settings)


def _wavenet(vocab_size: int, settings: dict) -> TorchConvLSTM:
    return TorchConvLSTM(
        vocab_size, *(settings[name] for name in ("embedding", "filters", "units"))
    )


def _chorale(vocab_size: int, settings: dict) -> nn.Module:
    # Its attention is made of the blocks above: the two files need each other.
    from benchmarks.torch_chorale import TorchChorale

    return TorchChorale(vocab_size, settings)


TWINS = {
    "chorale": _chorale,
    "gru": _gru,
    "lstm": _lstm,
    "transformer": TorchTransformer,
    "wavenet": _wavenet,
}


def make_training(
    model: nn.Module, ids: np.ndarray, bfloat16: bool = False
) -> Callable[[int], None]:
    """Return a function that trains for so many batches, all of the ids `(B, T + 1)`.

    Args:
        model: the twin.
        ids: of every batch.
        bfloat16: whether matrices are multiplied in bfloat16.
    """
    ids = torch.from_numpy(ids).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()

    def train(batches: int) -> None:
        for _ in range(batches):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = model(ids[:, :-1]).float()
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return train


def conv_lstm_of(model: ConvLSTM) -> TorchConvLSTM:
    """Return the same model in PyTorch, with the same weights."""
    filters = [layer.conv.filters for layer in model.convolutions]
    vocab_size, embedding = model.embedding.embeddings.shape
    twin = TorchConvLSTM(vocab_size, embedding, filters, model.recurrent.units).eval()
    copy(twin.embedding.weight, model.embedding.embeddings)
    for theirs, ours in zip(twin.convolutions, model.convolutions):
        copy(theirs.weight, np.transpose(ours.conv.kernel, (2, 1, 0)))
        copy(theirs.bias, ours.conv.bias)
    for theirs, ours in zip(twin.norms, model.norms):
        pairs = ("weight", "gamma"), ("bias", "beta")
        pairs += ("running_mean", "moving_mean"), ("running_var", "moving_variance")
        for name, source in pairs:
            copy(getattr(theirs, name), getattr(ours, source))
    cell = model.recurrent.cell
    # Both have the gates in the order input, forget, cell, output.
    copy(twin.recurrent.weight_ih_l0, np.transpose(cell.kernel))
    copy(twin.recurrent.weight_hh_l0, np.transpose(cell.recurrent_kernel))
    copy(twin.recurrent.bias_ih_l0, cell.bias)
    copy(twin.recurrent.bias_hh_l0, np.zeros(cell.bias.shape))
    copy_dense(twin.logits, model.logits)
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


def copy_dense(target: nn.Linear, source) -> None:
    """Give a layer the weights of a Keras `Dense`."""
    copy(target.weight, np.transpose(source.kernel))
    copy(target.bias, source.bias)


def copy(target: torch.Tensor, source) -> None:
    """Give weights the values of a Keras variable or an array of the same shape."""
    with torch.no_grad():
        target.copy_(torch.from_numpy(np.array(source, np.float32)))
