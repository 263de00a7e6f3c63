"""`bach_tf.models.Chorale` in PyTorch, to be measured beside ours."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bach_tf.codecs import SatbCodec
from bach_tf.codecs.base import PAD, START
from bach_tf.models import Chorale
from bach_tf.models.chorale import STEPS_PER_LAG
from bach_tf.models.intervals import CLASSES, LOWER, UNKNOWN, UPPER
from bach_tf.models.repeats import FARTHEST, LONGEST
from bach_tf.models.voice_writer import (
    CANDIDATES,
    KINDS,
    PAIRS,
    PROPOSED,
    VOICES,
    VoiceWriter,
)
from benchmarks.torch_models import TorchBlock, copy, copy_dense


class TorchChorale(nn.Module):
    """The same architecture: ids `(B, T)` to logits `(B, T, V)`.

    Args:
        vocab_size: number of ids, padding included.
        settings: of the model, as the preset "chorale" has them.
    """

    def __init__(self, vocab_size: int, settings: dict):
        super().__init__()
        units, numbers = settings["units"], settings["embedding"]
        self.period = settings["period"] // VOICES  # in steps
        self.lags = settings["lags"]
        self.embedding = nn.Embedding(vocab_size, numbers)
        self.held = nn.Embedding(KINDS, numbers // 4)
        self.place = nn.Embedding(self.period, units)
        self.note_dropout = nn.Dropout1d(settings["note_dropout"])
        self.reader = nn.Linear(VOICES * (numbers + numbers // 4), units)
        self.dropout = nn.Dropout(settings["dropout"])
        self.blocks = nn.ModuleList(TorchBlock(settings) for _ in range(settings["layers"]))
        self.norm = nn.LayerNorm(units)
        self.writer = TorchVoiceWriter(vocab_size, settings)
        self.intervals = TorchIntervalScores(vocab_size)

    def forward(self, ids):
        """Return the logits of the id after each of `ids`, of no more steps than the context."""
        length = ids.shape[1]
        tokens = functional.pad(ids[:, 1:], (0, 1 + -length % VOICES))
        chords = tokens.unflatten(1, (-1, VOICES))  # (B, N, 4), the last note unknown
        last = torch.cat([_before(ids[:, :1]), chords[:, :-1]], dim=1)
        held = _behind(held_lengths(chords))
        proposed, lengths, lags = propose(chords, self.lags)
        notes = self.embedding(last)  # (B, N, 4, E)
        x = self._read(notes, held)
        for block in self.blocks:
            x = block(x)
        candidates = torch.cat([last[..., None], proposed], dim=-1)  # (B, N, 4, 3)
        logits = self.writer(
            torch.cat([self.norm(x), notes.flatten(2)], dim=-1),
            self.embedding(chords[..., :-1]),
            self.embedding(proposed),
            candidates,
            torch.cat([held[..., None], lengths], dim=-1),
            lags,
        )
        logits = logits + self.intervals(last, chords)
        return logits.flatten(1, 2)[:, :length]

    def _read(self, notes, held):
        steps = notes.shape[1]
        places = torch.arange(steps, device=notes.device) % self.period
        notes = self.note_dropout(notes.flatten(0, 1)).unflatten(0, (-1, steps))
        x = self.reader(torch.cat([notes, self.held(held)], dim=-1).flatten(2))
        return self.dropout(x + self.place(places))  # (B, N, U)


class TorchVoiceWriter(nn.Module):
    """The logits of the four voices of a step, each given those above it."""

    def __init__(self, vocab_size: int, settings: dict):
        super().__init__()
        numbers, units, lags = (settings[name] for name in ("embedding", "decoder", "lags"))
        counts = numbers // 4
        self.common = nn.Linear(settings["units"] + VOICES * numbers, VOICES * units)
        self.lengths = nn.Embedding(CANDIDATES * KINDS, counts)
        self.lags = nn.Embedding(PROPOSED * lags, counts)
        self.trust = nn.Embedding(CANDIDATES * KINDS, 1)
        self.trust_lag = nn.Embedding(PROPOSED * lags, 1)
        own = PROPOSED * numbers + (CANDIDATES + PROPOSED) * counts + len(PAIRS)
        # Nobody is below the bass.
        self.above = nn.Parameter(torch.empty(VOICES - 1, numbers, VOICES, units))
        self.own = nn.Parameter(torch.empty(VOICES, own, units))
        self.hidden = nn.Linear(units, units)
        self.dropout = nn.Dropout(settings["decoder_dropout"])
        self.logits = nn.Linear(units, vocab_size)
        self.raises = nn.Linear(units, CANDIDATES)
        deviation = (settings["units"] + 2 * VOICES * numbers + own) ** -0.5
        for weight in (self.common.weight, self.above, self.own):
            nn.init.normal_(weight, std=deviation)
        for table in (self.trust, self.trust_lag):
            nn.init.zeros_(table.weight)
        self.register_buffer("first_kinds", torch.arange(CANDIDATES) * KINDS)
        self.register_buffer("first_lags", torch.arange(PROPOSED) * lags)
        seen = torch.ones(VOICES - 1, VOICES).triu(1)
        self.register_buffer("seen", seen[:, None, :, None])

    def forward(self, read, above, proposed, ids, lengths, lags):
        """Return the logits `(B, N, 4, V)`.

        Args:
            read: float `(B, N, U + 4 E)`, of the steps before, with the last one.
            above: float `(B, N, 3, E)`, the three upper notes of the present step.
            proposed: float `(B, N, 4, 2, E)`, the notes that are proposed to each voice.
            ids: int64 `(B, N, 4, 3)`, of each voice's candidates.
            lengths: int64 `(B, N, 4, 3)`, how long each has been held or repeated.
            lags: int64 `(B, N, 4, 2)`, which lag back the two were found.
        """
        kinds, lags = lengths + self.first_kinds, lags + self.first_lags
        x = self.common(read) + above.flatten(2) @ (self.above * self.seen).flatten(2).flatten(0, 1)
        x = x.unflatten(-1, (VOICES, -1))  # (B, N, 4, H)
        x = x + torch.einsum("bnvf,vfh->bnvh", self._own(proposed, ids, kinds, lags), self.own)
        x = self.dropout(functional.gelu(x, approximate="tanh"))
        x = self.dropout(functional.gelu(self.hidden(x), approximate="tanh"))
        raises = self.raises(x) + self.trust(kinds).squeeze(-1)  # (B, N, 4, 3)
        raises = raises + functional.pad(self.trust_lag(lags).squeeze(-1), (1, 0))
        return self.logits(x).to(raises.dtype).scatter_add(-1, ids, raises)

    def _own(self, proposed, ids, kinds, lags):
        first, second = map(list, zip(*PAIRS))
        agree = ids[..., first] == ids[..., second]
        parts = proposed.flatten(3), self.lengths(kinds).flatten(3), self.lags(lags).flatten(3)
        return torch.cat([*parts, agree.to(proposed.dtype)], dim=-1)  # (B, N, 4, F)


class TorchIntervalScores(nn.Module):
    """A score for each pitch that a voice may take, out of intervals alone."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.first = SatbCodec.FIRST_PITCH
        self.leaps = nn.Parameter(torch.zeros(VOICES, 2 * vocab_size - 1))
        self.spaces = nn.Parameter(torch.zeros(len(UPPER), 2 * vocab_size - 1))
        self.motions = nn.Parameter(torch.zeros(len(UPPER), 2, CLASSES + 1, CLASSES))
        pitches = torch.arange(vocab_size) - self.first
        sounds = (pitches >= 0).float()
        classes = torch.arange(CLASSES)
        of_pitch = (classes[:, None] == pitches % CLASSES) * sounds
        upper, lower = torch.from_numpy(UPPER), torch.from_numpy(LOWER)
        of_voice = (torch.arange(VOICES)[:, None] == lower).float()  # (4, 6)
        tables = torch.arange(VOICES + len(UPPER)) * vocab_size
        buffers = {"sounds": sounds[:, None] * sounds, "tables": tables, "classes": classes}
        buffers |= {"of_pitch": of_pitch, "of_voice": of_voice, "upper": upper, "lower": lower}
        buffers["sums"] = torch.cat([torch.eye(VOICES), of_voice], dim=1)  # (4, 10)
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer)

    def forward(self, last, chords):
        """Return the scores `(B, N, 4, V)` of the steps before and the present ones `(B, N, 4)`."""
        now = chords[..., self.upper]  # (B, N, 6)
        # Row by row a window of the differences, which moves on by one.
        table = torch.cat([self.leaps, self.spaces]).unfold(1, len(self.sounds), 1).flip(1)
        rows = torch.cat([last, now], dim=-1) + self.tables  # (B, N, 10)
        scores = functional.embedding(rows, (table * self.sounds).flatten(0, 1))
        motions = self.of_voice @ self._motion_scores(last, now)  # (B, N, 4, 12)
        return self.sums @ scores + motions @ self.of_pitch

    def _motion_scores(self, last, now):
        before, above = last[..., self.lower], last[..., self.upper]
        known = (before >= self.first) & (above >= self.first)
        interval = torch.where(known, (before - above) % CLASSES, UNKNOWN)
        pairs = torch.arange(len(self.lower), device=now.device)
        rows = (pairs * 2 + (now != above)) * (CLASSES + 1) + interval
        scores = functional.embedding(rows, self.motions.flatten(0, 2))  # (B, N, 6, 12)
        now = now[..., None] - self.first
        return scores.gather(-1, (self.classes - now) % CLASSES) * (now >= 0)


def run_lengths(same):
    """Return how many are true in a row at each place, along the second axis, up to `LONGEST`."""
    places = torch.arange(1, same.shape[1] + 1, dtype=torch.int32, device=same.device)
    places = places.view(-1, *(1 for _ in same.shape[2:]))
    broken = torch.where(same, 0, places).cummax(1).values
    return (places - broken).clamp(max=LONGEST)


def held_lengths(chords):
    """Return how many steps each voice has held its note, this one included: `(B, N, 4)`."""
    same = chords[:, 1:] == chords[:, :-1]
    runs = functional.pad(run_lengths(same), (0, 0, 1, 0))
    return (runs + 1).clamp(max=LONGEST)


def propose(chords, lags: int):
    """Return the notes that followed where the piece has been alike before.

    Args:
        chords: int64 `(B, N, 4)`.
        lags: how many beats back is looked.

    Returns:
        their ids, the lengths of the passages, and which lag it is: `(B, N, 4, 2)` each.
    """
    farthest = lags * STEPS_PER_LAG
    padded = functional.pad(chords, (0, 0, farthest, 0))
    # The nearest first: of equally long passages it counts.
    earlier = padded.unfold(1, farthest, 1)[:, :-1, :, ::STEPS_PER_LAG].flip(-1)  # (B, N, 4, D)
    same = chords[..., None] == earlier
    alike = same & (earlier > 0)
    runs = _behind(run_lengths(torch.cat([alike, alike.all(2, keepdim=True)], dim=2)))
    reach = torch.arange(1, lags + 1, dtype=runs.dtype, device=runs.device) * STEPS_PER_LAG
    own, together = runs.minimum(reach).split([VOICES, 1], dim=2)
    soprano, alto, tenor, _ = same.unbind(2)
    two = soprano & alto
    above = torch.stack([torch.ones_like(two), soprano, two, two & tenor], dim=2)
    jointly = above * (together + 1)
    total = own.sum(2, keepdim=True, dtype=own.dtype)
    scores = torch.stack([jointly * FARTHEST + total, own * FARTHEST + jointly], dim=3)
    best, nearest = scores.max(-1)  # (B, N, 4, 2)
    one_more = torch.tensor([1, 0], dtype=best.dtype, device=best.device)
    lengths = (best // FARTHEST - one_more).clamp(min=0)
    return earlier.gather(-1, nearest), lengths, nearest


def chorale_of(model: Chorale) -> TorchChorale:
    """Return the same model in PyTorch, with the same weights."""
    twin = TorchChorale(model.intervals.sounds.shape[0], model.get_config()).eval()
    for name in ("embedding", "held", "place"):
        copy(getattr(twin, name).weight, getattr(model, name).embeddings)
    copy_dense(twin.reader, model.reader)
    _copy_norm(twin.norm, model.norm)
    for theirs, ours in zip(twin.blocks, model.blocks):
        copy(theirs.project.weight, np.transpose(ours.attention.project.kernel))
        copy(theirs.distances, ours.attention.distances)
        copy_dense(theirs.out, ours.attention.out)
        copy_dense(theirs.feed_forward[0], ours.hidden)
        copy_dense(theirs.feed_forward[2], ours.out)
        for norm, source in zip(theirs.norms, ours.norms):
            _copy_norm(norm, source)
    _copy_writer(twin.writer, model.writer)
    for name in ("leaps", "spaces", "motions"):
        copy(getattr(twin.intervals, name), getattr(model.intervals, name))
    return twin


def _copy_writer(theirs: TorchVoiceWriter, ours: VoiceWriter) -> None:
    for name in ("lengths", "lags", "trust", "trust_lag"):
        copy(getattr(theirs, name).weight, getattr(ours, name).embeddings)
    for name in ("common", "hidden", "logits", "raises"):
        copy_dense(getattr(theirs, name), getattr(ours, name))
    copy(theirs.above, ours.above[: VOICES - 1])
    copy(theirs.own, ours.own)


def _copy_norm(theirs: nn.LayerNorm, ours) -> None:
    copy(theirs.weight, ours.gamma)
    copy(theirs.bias, ours.beta)


def _before(first):
    """Return the step before a window that begins with the ids `(B, 1)`: `(B, 1, 4)`."""
    others = torch.where(first == START, START, PAD).expand(-1, VOICES - 1)
    return torch.cat([others, first], dim=1)[:, None]


def _behind(x):
    """Return `(B, N, ...)` moved on by a step, zeros at the beginning."""
    return functional.pad(x[:, :-1], (0, 0) * (x.ndim - 2) + (1, 0))
