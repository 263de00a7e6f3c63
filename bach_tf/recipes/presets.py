"""The presets, selected by `--model NAME`. All hyper-parameters are here."""

from __future__ import annotations

from dataclasses import replace

from bach_tf.corpora import CORPORA
from bach_tf.recipes.preset import Model, Preset, Training

CHORALES = CORPORA["chorales"].music
SOPRANO_BASS_ALTO_TENOR = [0, 3, 1, 2]
BEAT = CHORALES.period // 4  # in tokens: four sixteenths of four voices

# Layers of 240 take 0.6 times as long as 256 on CPUs, where powers of two collide in caches.
_PRESETS = {
    # After the chorale exercise of A. Géron, "Hands-On Machine Learning", chapter 15: its layers,
    # dropout of 0.3, Adam at 0.01 and power scheduling over 40 epochs. Our changes follow short
    # trials, one run each (8 minutes on busy cores, with other gradient clipping than here);
    # validation on `jsb` in nats per token:
    #   after 18 epochs: rate 0.01, input dropout 0.3: 0.657; rate 0.004, input dropout 0.1: 0.566
    #   after 12 epochs: the latter 0.603; rate 0.006, input dropout 0.05, 160 units: 0.572
    # With overlapping windows, place and rules: 0.448 after 45 epochs of power scheduling that
    # ended at a rate of 0.0009.
    # Recurrent dropout of 0.1 makes an epoch 1.6 times as long (30 s instead of 19).
    # `units=None` gives twice the vocabulary size as in the recipe, here 122.
    # Windows overlap by half, so that none begins where a piece is about to end: a run of 90 epochs
    # with other windows gave an end a probability of 6 % within the first eight steps.
    "gru": Preset(
        music=replace(CHORALES, stride=CHORALES.window // 2),
        model=Model(
            "gru",
            {
                "units": 160,
                "layers": 3,
                "input_dropout": 0.1,
                "recurrent_dropout": 0.0,
                "dropout": 0.2,
                "l2": 0.0,
                "layer_norm": False,
                "period": BEAT,
                "rules": True,
            },
        ),
        training=Training(
            batch_size=32,
            epochs=90,
            learning_rate=0.006,
            schedule="cosine",
        ),
    ),
    # The other model of that chapter, at its original size, with positions and rules added.
    "wavenet": Preset(
        music=replace(
            CHORALES,
            window=32,
            stride=16,
        ),
        model=Model(
            "wavenet",
            {
                "embedding": 5,
                "filters": [32, 48, 64, 96],
                "kernel_size": 2,
                "units": 256,
                "dropout": 0.0,
                "period": BEAT,
                "rules": True,
            },
        ),
        training=Training(
            batch_size=32,
            epochs=20,
            optimizer="nadam",
            learning_rate=0.001,
        ),
    ),
    # Huang et al. 2018 (arXiv 1809.04281). Their sizes (5 layers of 256, 8 heads, 1,024) take 2.4
    # times as long on a CPU.
    "transformer": Preset(
        music=replace(
            CHORALES,
            stride=32,
            min_length=0,
        ),
        model=Model(
            "transformer",
            {
                "layers": 4,
                "units": 192,
                "heads": 6,
                "feed_forward": 768,
                "context": 256,
                "period": CHORALES.period,
                "dropout": 0.15,
                "attention_dropout": 0.0,
                "rules": False,
            },
        ),
        training=Training(
            batch_size=16,
            evaluation_batch=8,
            epochs=30,
            weight_decay=0.01,
            learning_rate=0.001,
            warmup_epochs=2,
            schedule="cosine",
            plateau_patience=30,
        ),
    ),
    # Our own four-part model, described in docs/chorale-model.md. Small batches are worth their
    # cost: with 8 windows instead of 4 an epoch improves less.
    "chorale": Preset(
        music=replace(
            CHORALES,
            encoding={"order": SOPRANO_BASS_ALTO_TENOR},
            window=256,
            stride=192,
            transpose=(-6, 6),
            temperature=1.0,  # note lengths match Bach's; the rule "focus" tempers the pitches
            min_length=0,
        ),
        model=Model(
            "chorale",
            {
                "layers": 6,
                "units": 384,
                "heads": 6,
                "feed_forward": 1536,
                "context": 256,
                "decoder": 448,
                "embedding": 64,
                "period": 3 * CHORALES.period,  # a multiple of bars of 3/4 and of 4/4
                "lags": 48,
                "dropout": 0.3,
                "decoder_dropout": 0.3,
                "note_dropout": 0.05,
                "moved_notes": 0.1,
                "order": SOPRANO_BASS_ALTO_TENOR,
                "rules": True,
                "memory": True,
            },
        ),
        training=Training(
            batch_size=4,
            evaluation_batch=8,
            epochs=96,
            patience=96,
            plateau_patience=96,
            weight_decay=0.5,
            learning_rate=0.001,
            warmup_epochs=2,
            schedule="cosine",
            average=0.995,
            bfloat16=True,
        ),
    ),
    # V. Velardo, "Generating melodies with LSTM networks": from a window of 64 sixteenths the next
    # one was predicted. Here every position of a window predicts the next, from what precedes it
    # in the window.
    "folk": Preset(
        music=CORPORA["folk"].music,
        model=Model(
            "lstm",
            {
                "embedding": 32,
                "units": 128,
                "layers": 1,
                "dense": [],
                "dropout": 0.2,
                "batch_norm": False,
            },
        ),
        training=Training(
            batch_size=64,
            epochs=60,
            learning_rate=0.002,
            schedule="cosine",
        ),
    ),
    # Next-note prediction on the cello suites, as in tutorials: windows of 20 notes predicted the
    # next one, by one LSTM of 256 and a dense layer. They discard the rhythm
    # (`encoding.rhythm=False`); here it is learned, and all 32 notes of a window are predicted. The
    # small batch is worth its cost: 13 batches per epoch instead of 52 reached a validation loss of
    # 1.237 nats instead of 1.156.
    "cello": Preset(
        music=CORPORA["cello"].music,
        model=Model(
            "lstm",
            {
                "embedding": 64,
                "units": 192,
                "layers": 2,
                "dense": [],
                "dropout": 0.3,
                "batch_norm": False,
            },
        ),
        training=Training(
            batch_size=16,
            epochs=60,
            plateau_patience=60,
            learning_rate=0.003,
            schedule="cosine",
        ),
    ),
    # Mozart's sonatas, chord by chord, as in "Foundations of Applied Mathematics" (Humpherys et
    # al., the lab on recurrent networks): windows of 100 chords without rhythm, two dense layers
    # with batch normalisation, RMSprop at 0.001, gradient norm at most 5, 30 epochs.
    "mozart": Preset(
        music=CORPORA["mozart"].music,
        model=Model(
            "lstm",
            {
                "embedding": 64,
                "units": 240,
                "layers": 3,
                "dense": [],
                "dropout": 0.2,
                "batch_norm": False,
            },
        ),
        training=Training(
            batch_size=32,
            evaluation_batch=64,
            epochs=25,
            plateau_patience=25,
            learning_rate=0.003,
            schedule="cosine",
        ),
    ),
    # Oore et al. 2018 (arXiv 1808.03715): three LSTMs of 512. At this tempo a step is 8 ms.
    "performance": Preset(
        music=CORPORA["performance"].music,
        model=Model(
            "lstm",
            {
                "embedding": 64,
                "units": 240,
                "layers": 3,
                "dense": [],
                "dropout": 0.2,
                "batch_norm": False,
            },
        ),
        training=Training(
            batch_size=32,
            evaluation_batch=64,
            epochs=25,
            plateau_patience=25,
            learning_rate=0.003,
            schedule="cosine",
        ),
    ),
}

PRESETS = {name: replace(preset, recipe=name) for name, preset in _PRESETS.items()}
