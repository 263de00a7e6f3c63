import re
from dataclasses import replace
from xml.etree import ElementTree

import mido
import numpy as np
import pytest
import soundfile
from matplotlib.image import imread
from musicxml_reader import notes_of, read_back

from bach_tf.codecs import CODECS, EventCodec, MelodyCodec, SatbCodec
from bach_tf.composing import generation, primers
from bach_tf.composing.beginnings import Wish
from bach_tf.formats import WRITERS, check_formats, write
from bach_tf.formats.grid_csv import read_grid_csv, write_grid_csv
from bach_tf.formats.midi import read_midi, write_midi
from bach_tf.formats.musicxml import to_musicxml
from bach_tf.formats.piano_roll import COLOURS
from bach_tf.formats.rendition import Rendition
from bach_tf.formats.sound.synthesis import SAMPLE_RATE, frequencies
from bach_tf.learning import runs
from bach_tf.learning.windows import Pieces, load_split
from bach_tf.recipes import PRESETS, changed
from bach_tf.recipes.changes import shrunk
from bach_tf.score import Part, Score

TEMPO_QPM = 100  # at which pieces are rendered here
SATB = SatbCodec(36, 81)
PRIMER = [[72, 67, 64, 48]] * 4 + [[71, 67, 62, 55]] * 2


def generate(run, **options):
    return generation.generate(run, **{"length": 16, "temperature": 1.0, "seed": 3, **options})


def test_pieces_are_as_long_as_asked_or_shorter(trained_run):
    scores = generate(trained_run, num_outputs=12)
    assert len(scores) == 12
    assert max(score.length for score in scores) <= 16
    assert all(score.length > 0 for score in scores)


def test_no_piece_ends_before_its_least_steps(trained_run):
    scores = generate(trained_run, num_outputs=40, min_length=12, temperature=2.0)
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
    prompt = trained_run.codec.encode(Score.from_grid(PRIMER))[:-1]
    for score in generate(trained_run, prompt=prompt, num_outputs=4):
        np.testing.assert_array_equal(score.to_grid(4)[: len(PRIMER)], PRIMER)
        assert score.length > len(PRIMER)


def test_a_prompt_may_stand_in_the_middle_of_a_piece(trained_run):
    # The first id is what stands before the music that is asked for.
    middle = trained_run.codec.encode(Score.from_grid([[60] * 4, *PRIMER]))[4:-1]
    for score in generate(trained_run, prompt=middle, num_outputs=4):
        np.testing.assert_array_equal(score.to_grid(4)[: len(PRIMER)], PRIMER)


def test_the_same_seed_gives_the_same_pieces_and_another_one_others(trained_run):
    one, same, other = (generate(trained_run, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_temperature_0_needs_no_seed(trained_run):
    one, other = (generate(trained_run, seed=seed, temperature=0.0) for seed in (1, 2))
    assert one == other


def test_primers_are_read_from_csv_and_midi(tmp_path):
    score = Score.from_grid(PRIMER)
    write_grid_csv(tmp_path / "a.csv", score.to_grid())
    write_midi(score, tmp_path / "a.mid")
    for path in (tmp_path / "a.csv", tmp_path / "a.mid"):
        prompt = primers.read_prompt(SATB, str(path))
        assert SATB.decode(prompt).to_grid(4).tolist() == PRIMER


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sound.wav", r"sound\.wav: Unknown kind of primer '.wav'. Choose from: "),
        ("absent.csv", r"absent\.csv does not exist\. Expected a primer"),
        ("bad.csv", r"bad.csv:2: expected 4 pitches .*, got 2"),
        ("bad.mid", r"bad.mid: expected a MIDI file"),
    ],
)
def test_a_bad_primer_says_what_is_wrong(tmp_path, name, message):
    (tmp_path / "bad.csv").write_text("note0,note1,note2,note3\n60,60\n")
    (tmp_path / "bad.mid").write_text("no music")
    (tmp_path / "sound.wav").write_text("no music")
    with pytest.raises(ValueError, match=message):
        primers.read_prompt(SATB, str(tmp_path / name))


def test_prompts_are_files_tokens_or_cut_out_of_the_corpus(trained_run, tmp_path, monkeypatch):
    codec = trained_run.codec
    assert generation.make_prompt(trained_run, None, 0).tolist() == [codec.START]
    path = tmp_path / "a.csv"
    write_grid_csv(path, Score.from_grid(PRIMER).to_grid())
    expected = codec.encode(Score.from_grid(PRIMER))[:-1].tolist()
    assert generation.make_prompt(trained_run, str(path), 0).tolist() == expected
    typed = generation.make_prompt(trained_run, "C5 G4 64 48", 0)
    assert typed.tolist() == expected[:5]
    cut = generation.make_prompt(trained_run, str(path), 0, length=2)
    assert cut.tolist() == expected[:9]
    with pytest.raises(ValueError, match="Unknown token 'H4'"):
        generation.make_prompt(trained_run, "C5 H4", 0)
    with pytest.raises(ValueError, match=r"length of a primer must be at least 1\. Received: 0"):
        generation.make_prompt(trained_run, "C5", 0, length=0)


def test_typed_tokens_must_stand_in_turn(trained_run):
    score = Score.from_grid([[60], [60], [62]])
    run = replace(trained_run, codec=CODECS["pitches"].fit([score]))
    assert len(generation.make_prompt(run, "+0 C4 :2 +2 D4")) == 6
    message = r"in this order: interval, pitch, duration\. Received: 'C4' as number 1"
    with pytest.raises(ValueError, match=message):
        generation.make_prompt(run, "C4 D4")
    with pytest.raises(ValueError, match=r"Received: '<end>' as number 4"):
        generation.make_prompt(run, "+0 C4 :2 <end>")


def test_a_prompt_out_of_the_corpus_is_one_of_its_windows(trained_run, tiny_folder, monkeypatch):
    monkeypatch.setattr("bach_tf.learning.prepare_corpus", lambda preset: tiny_folder)
    pieces = load_split(tiny_folder, "train", trained_run.codec).arrays()
    prompts = [generation.make_prompt(trained_run, "corpus", seed) for seed in range(12)]
    assert len({prompt.tobytes() for prompt in prompts}) > 5
    for prompt in prompts:
        assert len(prompt) <= 1 + 4 * trained_run.preset.music.window
        assert any(
            np.array_equal(piece[start : start + len(prompt)], prompt)
            for piece in pieces
            for start in range(0, len(piece), 4)
        )
    assert len(generation.make_prompt(trained_run, "corpus", 3, length=2)) == 1 + 4 * 2
    again = generation.make_prompt(trained_run, "corpus", 3)
    assert again.tolist() == prompts[3].tolist()


@pytest.mark.parametrize(
    ("period", "starts"),
    [(192, {0, 48, 96, 144}), (16, set(range(0, 185, 4))), (6, set(range(0, 185, 3)))],
)
def test_a_passage_of_the_corpus_begins_where_a_training_window_may(
    trained_run, monkeypatch, period, starts
):
    """Its first chord tells at which of the piece's 200 steps it begins."""
    chords = [[40 + step % 40, 35 + step // 40, 60, 40] for step in range(200)]
    piece = trained_run.codec.encode(Score.from_grid(chords))
    monkeypatch.setattr("bach_tf.learning.prepare_corpus", lambda preset: None)
    monkeypatch.setattr(
        "bach_tf.learning.windows.load_split", lambda *_: Pieces.from_arrays([piece])
    )
    monkeypatch.setattr(generation, "read_split", lambda *_: [Score.from_grid(chords)])
    model = {**PRESETS["transformer"].model.settings, "period": period}
    preset = changed(trained_run.preset, architecture="transformer", model=model)
    run = replace(trained_run, preset=preset)
    prompts = [generation.make_prompt(run, "corpus", seed, length=16) for seed in range(300)]
    drawn = {chords.index(run.codec.decode(p[1:]).to_grid(4)[0].tolist()) for p in prompts}
    assert drawn <= starts
    assert len(drawn) > 3 * len(starts) // 4
    assert {len(prompt) for prompt in prompts} == {1 + 4 * 16}


def test_a_negative_seed_draws_a_passage_too(trained_run, tiny_folder, monkeypatch):
    monkeypatch.setattr("bach_tf.learning.prepare_corpus", lambda preset: tiny_folder)
    one, same = (generation.make_prompt(trained_run, "corpus", n) for n in (-1, 2**32 - 1))
    assert one.tolist() == same.tolist()


def test_a_primer_that_leaves_no_room(trained_run):
    prompt = trained_run.codec.encode(Score.from_grid(PRIMER))[:-1]
    with pytest.raises(ValueError, match="The primer has 6 steps, but the piece only 6"):
        generate(trained_run, prompt=prompt, length=6)


def test_a_primer_that_the_codec_cannot_hold(trained_run, tmp_path):
    write_grid_csv(tmp_path / "high.csv", Score.from_grid([[100, 60, 50, 40]]).to_grid())
    with pytest.raises(ValueError, match=r"Pitches must be in .*Received: 100 \(soprano, step 0"):
        generation.make_prompt(trained_run, str(tmp_path / "high.csv"), 0)


def test_lengths_are_given_in_steps_or_in_bars(trained_run):
    codec = trained_run.codec
    assert primers.steps_of(codec, None, None, 7) == 7
    assert primers.steps_of(codec, 12, None, 7) == 12
    assert primers.steps_of(codec, None, 2, 7) == 32
    with pytest.raises(ValueError, match="in steps or in bars, not both"):
        primers.steps_of(codec, 12, 2, 7)
    events = EventCodec(steps_per_quarter=100)
    with pytest.raises(ValueError, match=r"writes events, .* length in events"):
        primers.steps_of(events, None, 2, 7)


def test_pieces_are_the_same_in_whatever_batches_they_are_sampled(trained_run, monkeypatch):
    how = {"length": 8, "temperature": 1.0, "seed": 5, "num_outputs": 7}
    at_once = generation.generate_ids(trained_run, **how)
    monkeypatch.setattr(generation, "PIECES_AT_ONCE", 3)
    assert [len(batch) for batch in generation.generate_batches(trained_run, **how)] == [3, 3, 1]
    np.testing.assert_array_equal(generation.generate_ids(trained_run, **how), at_once)
    monkeypatch.setattr(generation, "TOKENS_AT_ONCE", 2 * 32)
    assert len(next(generation.generate_batches(trained_run, **how))) == 2


def test_more_pieces_than_memory_holds_are_refused_at_once(trained_run):
    message = r"at most 134,217,728 tokens in total\. .* 2,147,483,647 of 64 tokens"
    with pytest.raises(ValueError, match=message):
        generate(trained_run, num_outputs=2**31 - 1)
    with pytest.raises(ValueError, match="`num_outputs` must be at least 1"):
        generate(trained_run, num_outputs=0)


def test_a_piece_that_the_model_ended_has_the_end_in_its_ids(trained_run):
    codec = trained_run.codec
    how = {"length": 16, "temperature": 2.0, "seed": 1, "num_outputs": 40}
    ids = generation.generate_ids(trained_run, **how)
    assert ids.shape == (40, 1 + 64)
    ended = (ids == codec.END).any(axis=1)
    assert 0 < ended.sum() < 40
    assert (ids[~ended] > codec.END).sum() == 64 * (~ended).sum()  # no padding
    pieces = [generation.decode_piece(codec, row) for row in ids]
    assert pieces == generate(trained_run, **how)


@pytest.fixture(scope="module")
def tunes(tmp_path_factory):
    """A run of tunes that say their metre, not trained."""
    codec = MelodyCodec(60, 72, metres=[(4, 4), (3, 4)], upbeats=[0, 4])
    preset = shrunk(PRESETS["folk"])
    return runs.create_run(preset, codec, "tunes", runs=tmp_path_factory.mktemp("runs"))


def test_new_tunes_say_their_metre(tunes):
    chosen = generate(tunes, num_outputs=20, length=30)
    assert {score.time_signature for score in chosen} == {(4, 4), (3, 4)}
    prompt = generation.make_prompt(tunes, None, wish=Wish("3/4"))
    waltzes = generate(tunes, num_outputs=20, length=30, prompt=prompt, min_length=30)
    assert {score.time_signature for score in waltzes} == {(3, 4)}
    ids = generation.generate_ids(
        tunes, length=30, min_length=30, temperature=1.0, seed=3, prompt=prompt
    )
    assert ids.shape == (1, 1 + 2 + 30)
    assert tunes.codec.decode(ids[0]).length == 30


def test_bar_lines_of_a_new_tune_follow_its_upbeat(tunes, tmp_path):
    prompt = generation.make_prompt(tunes, "3/4 upbeat:4 C4 _ _ _ E4")
    (score,) = generate(tunes, length=40, prompt=prompt)
    assert (score.metres, score.upbeat) == (((0, 3, 4),), 4)
    measures = ElementTree.fromstring(to_musicxml(score)).findall(".//measure")
    assert measures[0].get("implicit") == "yes"
    assert generation.primer_steps(tunes.codec, prompt) == 5


def test_a_new_chorale_has_the_bars_that_its_notes_suggest():
    chords = [(71, 67, 62, 43), *[(72, 64, 60, 48), (72, 69, 65, 41), (71, 67, 62, 43)] * 8]
    grid = np.repeat(chords, [4, *[8, 4, 12] * 8], axis=0)
    codec = SatbCodec()
    score = generation.decode_piece(codec, codec.encode(Score.from_grid(grid)))
    assert (score.metres, score.upbeat) == (((0, 3, 4),), 4)
    assert score.to_grid().tolist() == grid.tolist()
    melody = MelodyCodec(60, 72)
    score = generation.decode_piece(melody, melody.encode(Score.from_grid(grid[:, :1])))
    assert score.metres == ()  # the weights are those of four voices


def test_the_steps_of_a_primer_are_counted_as_in_the_piece(trained_run):
    codec = trained_run.codec
    assert generation.primer_steps(codec, np.array([codec.START])) == 0
    prompt = generation.make_prompt(trained_run, "r r r r C5 G4 E4 C3 C5 G4 E4 C3")
    assert generation.primer_steps(codec, prompt) == 2  # without the silence before it


# The renderers.


def same_notes(path, score):
    np.testing.assert_array_equal(read_midi(path).to_grid(4), score.to_grid(4))


def same_notes_in_colour(path, score):
    """Find each voice's share of the picture: its colour, as much of it as it has notes."""
    pixels = np.round(imread(path)[..., :3] * 255).astype(int)
    plot = pixels[:, : pixels.shape[1] * 3 // 4]  # the legend, at the right, has them all
    found = [(plot == np.array(rgb(colour))).all(axis=2).sum() for colour in COLOURS[:4]]
    sounding = [score.duration[score.voice == voice].sum() for voice in range(4)]
    assert [share > 20 for share in found] == [steps > 0 for steps in sounding]


def same_notes_as_sound(path, score):
    """Find each note's frequency while it sounds, and less of it where all voices are silent."""
    frames, rate = soundfile.read(path)
    assert rate == SAMPLE_RATE
    step = 60 / TEMPO_QPM / 4 * SAMPLE_RATE
    assert len(frames) == round(score.length * step + SAMPLE_RATE)
    sound = frames.sum(axis=1) / 2
    for onset, duration, pitch in zip(score.onset, score.duration, score.pitch):
        note = sound[round(onset * step) : round((onset + duration) * step)]
        right, wrong = (strength(note, frequencies()[pitch] * off) for off in (1, 2 ** (1 / 24)))
        assert right > max(1.5 * wrong, 0.002)
    silent = score.to_grid(4).sum(axis=1) == 0
    for place in np.flatnonzero(silent[1:] & silent[:-1]) + 1:  # the first one has the release
        here = sound[round(place * step) : round((place + 1) * step)]
        assert np.abs(here).max() < 0.2 * np.abs(sound).max()


def strength(sound, hertz):
    """Return how much of a sine of a frequency there is in a sound."""
    turning = np.exp(-2j * np.pi * hertz / SAMPLE_RATE * np.arange(len(sound)))
    return abs(np.mean(sound * turning))


def same_notes_on_staves(path, score):
    """Count note heads of each letter and octave: those of the picture and of MusicXML."""
    heads = re.findall(r'class="note" data-pname="(\w)" data-oct="(\d)"', path.read_text())
    music = ElementTree.fromstring(to_musicxml(score).encode())
    pitches = [
        (pitch.findtext("step").lower(), pitch.findtext("octave")) for pitch in music.iter("pitch")
    ]
    assert sorted(heads) == sorted(pitches)


def same_notes_in_print(path, score):
    assert path.read_bytes().startswith(b"%PDF")  # the notes: see test_engraving


def same_notes_in_parts(path, score):
    assert read_back(path)[0] == notes_of(score)


def same_grid(path, score):
    np.testing.assert_array_equal(read_grid_csv(path), score.to_grid(4))


SAME_NOTES = {
    ".mid": same_notes,
    ".midi": same_notes,
    ".wav": same_notes_as_sound,
    ".opus": same_notes_as_sound,
    ".ogg": same_notes_as_sound,
    ".musicxml": same_notes_in_parts,
    ".svg": same_notes_on_staves,
    ".pdf": same_notes_in_print,
    ".png": same_notes_in_colour,
    ".csv": same_grid,
}


def rgb(code):
    return [int(code[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize("ending", WRITERS)
def test_every_renderers_file_opens_again_with_the_same_notes(ending, tmp_path, tiny_pieces):
    for score in tiny_pieces:
        path = tmp_path / "new" / f"a{ending}"
        named = replace(score, parts=[Part("one"), Part("two")])
        write(named, path, Rendition(tempo_qpm=TEMPO_QPM, program=6))
        SAME_NOTES[ending](path, score)


def test_formats_are_endings_with_or_without_a_dot():
    assert check_formats("mid") == [".mid"]
    assert check_formats("PNG, .mid,mid") == [".png", ".mid"]
    with pytest.raises(
        ValueError, match=r"Unknown format '.doc'. Choose from: .csv, .mid, .midi, .musicxml, "
    ):
        check_formats("mid,doc")


def test_the_style_reaches_the_file(tmp_path):
    score = Score.from_grid([[60]], parts=[Part("x")])
    write(score, tmp_path / "a.mid", Rendition(tempo_qpm=120, program=6))
    file = mido.MidiFile(tmp_path / "a.mid")
    assert [m.tempo for m in file.tracks[0] if m.type == "set_tempo"] == [500_000]
    assert [m.program for m in file.tracks[1] if m.type == "program_change"] == [6]
    assert file.tracks[1].name == "x"


def test_an_unknown_ending_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"Unknown format '.doc'. Choose from: .csv, .mid, "):
        write(Score.from_grid([[60]]), tmp_path / "a.doc")
