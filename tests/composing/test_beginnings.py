"""What a primer says of a piece, and what of it holds for all that follows."""

from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest

from bach_tf.codecs import EventCodec, MelodyCodec, SatbCodec
from bach_tf.composing import generation
from bach_tf.composing.beginnings import (
    Beginning,
    Wish,
    as_wished,
    beginning_of,
    continued,
    read_beginning,
)
from bach_tf.composing.options import make_rendition
from bach_tf.formats import read, write
from bach_tf.recipes import PRESETS
from bach_tf.score import Part, Score
from tests.commands import command

generate = command("generate")
SATB = SatbCodec()
CHORDS = np.repeat([[72, 67, 64, 48], [71, 67, 62, 43], [72, 67, 64, 48]], 4, axis=0)
WOODWIND = [Part("Flute", 73, 90, 30), Part("Oboe", 68), Part("Clarinet", 71), Part("Cello", 42)]
PRIMER = Score.from_grid(
    CHORDS,
    tempi=[(0, 60), (8, 40)],
    metres=[(0, 3, 4)],
    upbeat=4,
    key_signature=-3,
    fermatas=[8],
    parts=WOODWIND,
)
HEADED = MelodyCodec(60, 72, metres=[(4, 4), (3, 4)], upbeats=[0, 4])


def pieces_after(codec, beginning, more=8):
    """Return a piece that goes on with what the primer begins with, again."""
    ids = np.concatenate([beginning.prompt, beginning.prompt[-4 * more :], [codec.END]])
    return generation.decode_piece(codec, ids, generation.used_primer(codec, beginning))


def test_what_a_primer_says_holds_for_what_follows():
    piece = pieces_after(SATB, beginning_of(SATB, PRIMER))
    assert piece.length == 20
    for name in ("tempi", "metres", "upbeat", "key_signature", "fermatas"):
        assert getattr(piece, name) == getattr(PRIMER, name), name
    assert piece.parts == PRIMER.parts
    rendition = make_rendition(PRESETS["gru"].music, None, None, PRIMER)
    assert rendition.tempi_of(piece) == [(0, 60), (8, 40)]
    assert [part.program for part in rendition.parts_of(piece)] == [73, 68, 71, 42]


def test_only_what_is_used_of_a_primer_says_something():
    piece = pieces_after(SATB, beginning_of(SATB, PRIMER, length=6), more=6)
    assert (piece.tempi, piece.fermatas) == (((0, 60.0),), ())


def test_silence_before_a_primer_is_no_part_of_it():
    late = np.concatenate([np.zeros((4, 4), int), CHORDS])
    score = Score.from_grid(late, metres=[(0, 4, 4)], tempi=[(0, 60), (12, 40)])
    piece = pieces_after(SATB, beginning_of(SATB, score))
    assert (piece.upbeat, piece.tempi) == (12, ((0, 60.0), (8, 40.0)))


def test_what_is_asked_for_comes_before_the_primer_and_the_preset_after_it():
    music = PRESETS["gru"].music
    asked = make_rendition(music, 100, "cello", PRIMER)
    assert (asked.tempo_qpm, asked.program, asked.programs) == (100, 42, ())
    silent = Score.from_grid(CHORDS, parts=[Part("Soprano"), Part("Alto", 3)])
    rendition = make_rendition(music, None, None, silent)
    assert rendition.tempo_qpm == music.tempo_qpm
    assert rendition.programs == (music.program, 3)


def test_one_voice_that_stands_for_several_has_no_name_of_theirs():
    tune = Score.from_grid(CHORDS[:, :1])
    assert continued(tune, PRIMER).parts == (Part("", 73, 90, 30),)
    assert continued(replace(tune, parts=(Part("melody"),)), PRIMER).parts[0].name == "melody"
    assert continued(tune, None) is tune


def test_a_key_that_is_not_said_is_found():
    piece = generation.decode_piece(SATB, SATB.encode(Score.from_grid(CHORDS + 2)))
    assert piece.key_signature == 2
    silence = generation.decode_piece(SATB, SATB.encode(Score.from_grid(np.zeros((4, 4), int))))
    assert silence.key_signature is None


def test_a_passage_of_the_corpus_keeps_its_bar_lines_and_its_key():
    whole = Score.from_grid(
        np.tile(CHORDS, (4, 1)), metres=[(0, 3, 4), (28, 4, 4)], upbeat=4, key_signature=1,
        key_changes=[(16, 2)],
    )  # fmt: skip
    passage = generation._as_within(Score.from_grid(np.tile(CHORDS, (2, 1))), whole, 20)
    assert (passage.metres, passage.upbeat) == (((0, 3, 4), (8, 4, 4)), 8)
    assert passage.key_signature == 2
    late = Score.from_grid([[0, 0, 0, 0]] * 2 + CHORDS.tolist())
    assert generation._as_within(late, whole, 4).upbeat == 10


# Where the bar lines are to stand.


def test_a_wish_bars_a_primer_that_does_not_say_it():
    plain = beginning_of(SATB, Score.from_grid(CHORDS))
    piece = pieces_after(SATB, as_wished(SATB, plain, Wish("3/4", 1)))
    assert (piece.metres, piece.upbeat) == (((0, 3, 4),), 4)
    piece = pieces_after(SATB, as_wished(SATB, plain, Wish(upbeat=0.5)))
    assert (piece.metres, piece.upbeat) == (((0, 4, 4),), 2)
    typed = as_wished(SATB, read_beginning(SATB, "C5 G4 E4 C3"), Wish("6/8"))
    assert pieces_after(SATB, typed, more=1).metres == ((0, 6, 8),)


def test_a_wish_takes_the_place_of_what_a_primer_says():
    wished = as_wished(SATB, beginning_of(SATB, PRIMER), Wish("4/4"))
    assert (wished.score.metres, wished.score.upbeat) == (((0, 4, 4),), 4)


def test_a_tune_begins_with_the_metre_and_upbeat_that_are_asked_for():
    start = Beginning(np.array([HEADED.START]))
    prompt = as_wished(HEADED, start, Wish("3/4", 1)).prompt
    assert [HEADED.tokens[number] for number in prompt] == ["<start>", "3/4", "upbeat:4"]
    tune = beginning_of(HEADED, Score.from_grid([[60]] * 4 + [[62]] * 4, metres=[(0, 4, 4)]))
    wished = as_wished(HEADED, tune, Wish(upbeat=1))
    assert [HEADED.tokens[number] for number in wished.prompt[1:3]] == ["4/4", "upbeat:4"]
    piece = generation.decode_piece(HEADED, wished.prompt, wished.score)
    assert (piece.metres, piece.upbeat) == (((0, 4, 4),), 4)


@pytest.mark.parametrize(
    ("codec", "primer", "wish", "message"),
    [
        (SATB, None, Wish("3/4"), "have no metre token, so 3/4 cannot be chosen"),
        (SATB, None, Wish(upbeat=1), "so an upbeat of 1 quarters cannot be chosen"),
        (SATB, "C5 G4 E4 C3", Wish("three"), "Expected a metre such as 3/4 or 6/8, got three"),
        (SATB, "C5 G4 E4 C3", Wish("3/5"), "Expected a metre such as 3/4"),
        (SATB, "C5 G4 E4 C3", Wish("3/4", 0.3), "must be a multiple of 1/4 of a quarter"),
        (HEADED, None, Wish("5/4"), "Unknown metre '5/4'. Choose from: 3/4, 4/4"),
        (HEADED, None, Wish(upbeat=1), "An upbeat needs a metre"),
        (HEADED, None, Wish("3/4", 2), "Unknown upbeat, in sixteenths, 'upbeat:8'"),
        (EventCodec(steps_per_quarter=100), None, Wish("3/4"), "performances in seconds"),
    ],
)
def test_wishes_that_cannot_be(codec, primer, wish, message):
    with pytest.raises(ValueError, match=message):
        as_wished(codec, read_beginning(codec, primer), wish)


# The command.


@pytest.fixture
def here(tmp_path, monkeypatch, trained_run):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tb_logs").symlink_to(trained_run.folder.parent)
    return tmp_path


def test_a_piece_after_a_primer_is_written_as_the_primer_is(here):
    write(PRIMER, Path("primer.mid"))
    arguments = ["--primer", "primer.mid", "--length", "24", "--seed", "1"]
    assert generate([*arguments, "--output", "new/piece.mid", "--format", "musicxml"]) == 0
    assert sorted(path.name for path in Path("new").iterdir()) == ["piece.mid", "piece.musicxml"]
    for name in ("piece.mid", "piece.musicxml"):
        piece = read(Path("new") / name).score
        assert (piece.tempi, piece.metres[0], piece.upbeat) == (PRIMER.tempi, (0, 3, 4), 4)
        assert piece.key_signature == -3
        assert [(part.name, part.program) for part in piece.parts] == [
            (part.name, part.program) for part in WOODWIND
        ]


def test_a_new_piece_carries_its_key_and_metre(here):
    assert generate(["--length", "64", "--min-bars", "4", "--seed", "1", "--output", "a.mid"]) == 0
    kinds = {message.type for message in mido.MidiFile("a.mid").tracks[0]}
    assert {"key_signature", "time_signature", "set_tempo"} <= kinds


def test_several_pieces_of_one_name_are_numbered(here):
    assert (
        generate(["--length", "8", "--num-outputs", "2", "--output", "x.png", "--seed", "1"]) == 0
    )
    assert sorted(path.name for path in here.glob("x*")) == ["x_1.png", "x_2.png"]
    Path("x.mid").mkdir()
    assert generate(["--length", "8", "--output", "x.mid"]) == 0
    assert len(list(Path("x.mid").glob("*.mid"))) == 1


def test_a_primer_is_not_overwritten(here, capsys):
    write(PRIMER, Path("primer.mid"))
    before = Path("primer.mid").read_bytes()
    assert generate(["--primer", "primer.mid", "--output", "primer.mid", "--length", "20"]) == 2
    assert "primer.mid is the primer. Give the new piece another name" in capsys.readouterr().err
    assert Path("primer.mid").read_bytes() == before
