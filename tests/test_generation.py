import mido
import numpy as np
import pytest

from bach_tf import generation
from bach_tf.corpora.grid_csv import write_grid_csv
from bach_tf.midi import read_midi, write_midi
from bach_tf.rendering import RENDERERS, render
from bach_tf.score import Score

PRIMER = [[72, 67, 64, 48]] * 4 + [[71, 67, 62, 55]] * 2


def generate(run, **options):
    return generation.generate(
        run, **{"length_steps": 16, "temperature": 1.0, "seed": 3, **options}
    )


def test_pieces_are_as_long_as_asked_or_shorter(trained_run):
    scores = generate(trained_run, num_outputs=12)
    assert len(scores) == 12
    assert max(score.length for score in scores) <= 16
    assert all(score.length > 0 for score in scores)


def test_no_piece_ends_before_its_least_steps(trained_run):
    scores = generate(trained_run, num_outputs=40, min_steps=12, temperature=2.0)
    # Silence before the first note is cut, so a piece may be a little shorter than it was.
    onsets = generate(trained_run, num_outputs=40, temperature=2.0)
    assert min(score.length for score in onsets) < 10
    assert min(score.length for score in scores) >= 10


def test_pitches_are_those_of_the_codec(trained_run):
    codec = trained_run.codec
    for score in generate(trained_run, num_outputs=12, temperature=3.0):
        if len(score):
            assert codec.lowest <= score.pitch.min() <= score.pitch.max() <= codec.highest


def test_a_primer_begins_every_piece(trained_run):
    primer = Score.from_grid(PRIMER)
    for score in generate(trained_run, primer=primer, num_outputs=4):
        np.testing.assert_array_equal(score.to_grid(4)[: primer.length], PRIMER)
        assert score.length > primer.length


def test_the_same_seed_gives_the_same_pieces_and_another_one_others(trained_run):
    one, same, other = (generate(trained_run, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_temperature_0_needs_no_seed(trained_run):
    one, other = (generate(trained_run, seed=seed, temperature=0.0) for seed in (1, 2))
    assert one == other


def test_leading_silence_is_cut():
    score = Score.from_grid([[0, 0], [0, 0], [0, 60], [67, 60], [0, 0]])
    assert generation.without_leading_silence(score).to_grid(2).tolist() == [
        [0, 60],
        [67, 60],
        [0, 0],
    ]


def test_a_piece_of_silence_stays_as_it_is():
    score = Score.from_grid([[0, 0], [0, 0]])
    assert generation.without_leading_silence(score) == score


def test_bars_follow_the_time_signature():
    assert generation.bars(Score.from_grid([[60]] * 24)) == 1.5
    assert generation.bars(Score.from_grid([[60]] * 24, time_signature=(3, 4))) == 2.0


def test_primers_are_read_from_csv_and_midi(tmp_path):
    score = Score.from_grid(PRIMER)
    write_grid_csv(tmp_path / "a.csv", score.to_grid())
    write_midi(score, tmp_path / "a.mid")
    for path in (tmp_path / "a.csv", tmp_path / "a.mid"):
        assert generation.read_primer(path).to_grid(4).tolist() == PRIMER


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.wav", r"Unknown kind of primer '.wav'. Choose from: .csv, .mid, .midi"),
        ("absent.csv", r"No primer .*absent.csv"),
        ("bad.csv", r"bad.csv:2: expected 4 pitches .*, got 2"),
        ("bad.mid", r"bad.mid: expected a MIDI file"),
    ],
)
def test_a_bad_primer_says_what_is_wrong(tmp_path, name, message):
    (tmp_path / "bad.csv").write_text("note0,note1,note2,note3\n60,60\n")
    (tmp_path / "bad.mid").write_text("no music")
    with pytest.raises(ValueError, match=message):
        generation.read_primer(tmp_path / name)


def test_a_primer_that_leaves_no_room(trained_run):
    primer = Score.from_grid(PRIMER)
    with pytest.raises(ValueError, match="The primer has 6 steps and the piece is to have 6"):
        generate(trained_run, primer=primer, length_steps=6)


def test_a_primer_that_the_codec_cannot_hold(trained_run):
    with pytest.raises(ValueError, match=r"Pitches must be in .*Received: 100 \(soprano, step 0"):
        generate(trained_run, primer=Score.from_grid([[100, 60, 50, 40]]))


# The renderers.

OPEN_AGAIN = {".mid": read_midi}


@pytest.mark.parametrize("ending", RENDERERS)
def test_every_renderers_file_opens_again_with_the_same_notes(ending, tmp_path, tiny_pieces):
    for score in tiny_pieces:
        path = tmp_path / "new" / f"a{ending}"
        render(score, path, tempo_qpm=100, program=6, voice_names=("one", "two"))
        again = OPEN_AGAIN[ending](path)
        np.testing.assert_array_equal(again.to_grid(4), score.to_grid(4))


def test_the_style_reaches_the_file(tmp_path):
    render(Score.from_grid([[60]]), tmp_path / "a.mid", tempo_qpm=120, program=6, voice_names=["x"])
    file = mido.MidiFile(tmp_path / "a.mid")
    assert [m.tempo for m in file.tracks[0] if m.type == "set_tempo"] == [500_000]
    assert [m.program for m in file.tracks[1] if m.type == "program_change"] == [6]
    assert file.tracks[1].name == "x"


def test_an_unknown_ending_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"Unknown format '.doc'. Choose from: .mid"):
        render(Score.from_grid([[60]]), tmp_path / "a.doc")
