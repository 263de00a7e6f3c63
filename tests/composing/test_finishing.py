"""Pieces that end in the bar that was asked for."""

import numpy as np
import pytest

from bach_tf.codecs import MelodyCodec, SatbCodec
from bach_tf.composing import generation
from bach_tf.composing.options import OPTIONS, resolve_options
from bach_tf.composing.primers import read_prompt
from bach_tf.recipes import PRESETS
from bach_tf.score import Score

HOW = {"length": 16, "temperature": 1.0, "seed": 3, "rules": ["cadence"], "ends": True}


def test_pieces_end_after_their_last_step(trained_run):
    codec = trained_run.codec
    sampler = generation.make_sampler(trained_run, ["cadence"], ends=True)
    three, two = (
        generation.generate_ids(trained_run, num_outputs=n, sampler=sampler, **HOW) for n in (3, 2)
    )
    assert three.shape == (3, 1 + 64 + 1)
    assert (three[:, -1] == codec.END).all()
    assert not (three[:, :-1] == codec.END).any()
    np.testing.assert_array_equal(three[:2], two)
    # The id before a passage of the corpus is not the start token.
    passage = codec.encode(Score.from_grid([[60] * 4, [72, 67, 64, 48], [71, 67, 62, 55]]))[4:-1]
    for prompt in (read_prompt(codec, "C5 G4 64 48 B4"), passage):
        ids = generation.generate_ids(trained_run, prompt=prompt, sampler=sampler, **HOW)
        assert ids[0, : len(prompt)].tolist() == prompt.tolist()
        assert generation.decode_piece(codec, ids[0]).length == 16


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        ({"bars": 4}, True),
        ({}, False),
        ({"length": 64}, False),
        ({"bars": 4, "min_bars": 2}, False),
        ({"bars": 4, "top_k": 3}, False),
        ({"bars": 4, "top_p": 0.5}, False),
        ({"bars": 4, "rules": "parallels"}, False),
    ],
)
def test_which_pieces_end_in_the_bar_asked_for(asked, ends):
    music = PRESETS["chorale"].music
    plain = dict.fromkeys(OPTIONS) | {"top_k": 0, "top_p": 1.0, "seed": 1}
    assert resolve_options(music, SatbCodec(36, 81), plain | asked)["ends"] is ends


def test_melodies_do_not():
    asked = dict.fromkeys(OPTIONS) | {"top_k": 0, "top_p": 1.0, "seed": 1, "bars": 4}
    assert not resolve_options(PRESETS["folk"].music, MelodyCodec(60, 72), asked)["ends"]
