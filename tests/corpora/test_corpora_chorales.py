import itertools
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from bach_tf.corpora import chorales
from bach_tf.corpora.preparation import chorale_scores, prepared
from bach_tf.score import Score

DESCENT = (-2, -1, -2, 2, 2, 1, 2, -2, 5, -1, -2, -4)
LEAPS = (4, 3, 5, -5, -3, -4, 7, -7, 4, -4, 3, -3)


def part(name, notes, *, meter="4/4", pickup=0):
    """Return a music21 part: a pitch, or None for a rest, and quarters for each note."""
    from music21 import meter as m21_meter
    from music21 import note, stream

    made = stream.Part()
    made.partName = name
    measure = stream.Measure(number=0 if pickup else 1)
    measure.timeSignature = m21_meter.TimeSignature(meter)
    made.append(measure)
    bar = measure.timeSignature.barDuration.quarterLength
    room = pickup or bar
    for pitch, quarters in notes:
        if room == 0:
            made.append(stream.Measure(number=made[-1].number + 1))
            room = bar
        made[-1].append(
            note.Rest(quarterLength=quarters)
            if pitch is None
            else note.Note(pitch, quarterLength=quarters)
        )
        room -= quarters
    return made


def parts_to_score(*parts):
    from music21 import stream

    return stream.Score(parts)


def four_parts(soprano, **about):
    length = sum(quarters for _, quarters in soprano)
    others = [
        part(n, [(p, length)], **about) for n, p in (("Alto", 62), ("Tenor", 55), ("Bass", 43))
    ]
    return parts_to_score(part("Soprano", soprano, **about), *others)


def melody_score(intervals, *, start=67, title="", repeat_notes=1):
    """Return a score of four voices whose soprano has these intervals between its beats."""
    soprano = np.repeat(start + np.cumsum([0, *intervals]), repeat_notes * 4)
    lower = np.tile([[60, 55, 48]], (soprano.size, 1))
    return Score.from_grid(np.column_stack([soprano, lower]), title=title)


# One score.


def test_voices_are_found_by_name_in_whatever_order():
    notes = {"Bass Continuo": 43, "Horn 1": 79, "Tenor": 55, "Soprano Oboe 1": 72, "Alto": 64}
    stream = parts_to_score(*(part(name, [(pitch, 1)]) for name, pitch in notes.items()))
    score = chorale_scores.score_from_stream(stream, title="BWV 1")
    assert score.to_grid(4).tolist() == [[72, 64, 55, 43]] * 4
    assert score.title == "BWV 1"


@pytest.mark.parametrize(
    "names",
    [
        ("Soprano 1", "Soprano 2", "Alto", "Tenor", "Bass"),
        ("Soprano", "Alto", "Bass"),
        ("Soprano", "Alto", "Tenor", "Bassoon"),
        (None, None, None, None),
    ],
)
def test_other_than_four_singing_parts_are_left_out(names):
    stream = parts_to_score(*(part(name, [(60, 1)]) for name in names))
    assert chorale_scores.score_from_stream(stream) is None


def test_tied_notes_are_one_note():
    from music21 import tie

    soprano = part("Soprano", [(72, 4), (72, 4), (72, 4)])
    first, second, _ = soprano.recurse().notes
    first.tie, second.tie = tie.Tie("start"), tie.Tie("stop")
    assert chorale_scores.part_notes(soprano, 0) == [(0, 32, 72, False), (32, 48, 72, False)]


def test_a_fermata_on_a_tied_note_counts_where_the_note_begins():
    from music21 import expressions, tie

    soprano = part("Soprano", [(72, 4), (72, 4)])
    first, second = soprano.recurse().notes
    first.tie, second.tie = tie.Tie("start"), tie.Tie("stop")
    second.expressions.append(expressions.Fermata())
    assert chorale_scores.part_notes(soprano, 0) == [(0, 32, 72, True)]


def test_fermatas_are_the_sopranos():
    from music21 import expressions

    stream = four_parts([(72, 2), (74, 1), (72, 1)])
    for voice in stream.parts:
        voice.recurse().notes.last().expressions.append(expressions.Fermata())
    score = chorale_scores.score_from_stream(stream)
    assert score.fermatas == (12,)  # and not 0, where the note of the others begins


def test_off_the_grid_a_voice_is_what_sounds_at_each_step():
    notes = [(72, 0.125), (74, 0.125), (76, 0.75), (77, Fraction(1, 3)), (79, Fraction(2, 3))]
    score = chorale_scores.score_from_stream(four_parts(notes))
    assert score.to_grid(4)[:, 0].tolist() == [72, 76, 76, 76, 77, 77, 79, 79]


def test_grace_notes_are_left_out_and_of_a_chord_one_note_is_sung():
    from music21 import chord, note

    voice = part("Alto", [(60, 1)])
    voice[0].append(note.Note(62, quarterLength=1).getGrace())
    voice[0].append(chord.Chord([48, 64], quarterLength=1))
    assert chorale_scores.part_notes(voice, 1) == [(0, 4, 60, False), (4, 8, 64, False)]
    assert chorale_scores.part_notes(voice, 3) == [(0, 4, 60, False), (4, 8, 48, False)]


@pytest.mark.parametrize(("pickup", "upbeat"), [(0, 0), (1, 4), (1.5, 6)])
def test_the_upbeat_is_a_first_measure_that_is_too_short(pickup, upbeat):
    measure = part("Soprano", [(60, pickup or 3), (62, 3)], meter="3/4", pickup=pickup)
    bar = chorale_scores.first_bar(measure)
    assert bar == {"metres": ((0, 3, 4),), "upbeat": upbeat}


def test_a_part_without_measures_is_refused():
    from music21 import stream

    with pytest.raises(ValueError, match="Expected a part with measures"):
        chorale_scores.first_bar(stream.Part())


def test_the_key_is_the_one_most_parts_have():
    from music21 import key

    stream = four_parts([(72, 4)])
    assert chorale_scores.score_from_stream(stream).key_signature is None
    for voice, sharps in zip(stream.parts, (4, 2, 2, 2), strict=True):
        voice[0].insert(0, key.KeySignature(sharps))
    assert chorale_scores.score_from_stream(stream).key_signature == 2


def test_a_shorter_voice_ends_in_silence():
    stream = four_parts([(72, 4), (74, 4)])
    stream.parts[3].remove(stream.parts[3][-1])
    stream.parts[3].append(part("Bass", [(43, 2)])[0])
    grid = chorale_scores.score_from_stream(stream).to_grid(4)
    assert len(grid) == 32
    assert grid[-1].tolist() == [74, 62, 55, 0]


def test_titles_come_from_the_lists_of_music21():
    assert chorale_scores.title_of("bwv253") == "BWV 253: Ach bleib bei uns, Herr Jesu Christ"
    assert chorale_scores.title_of("bwv120.8-a").startswith("BWV 120.8-a")
    assert chorale_scores.title_of("bwv9999") == "BWV 9999"


def test_a_score_that_cannot_be_read_is_named(tmp_path):
    broken = tmp_path / "bwv999.mxl"
    broken.write_bytes(b"not a score")
    with pytest.raises(ValueError, match=r"bwv999\.mxl: expected a score that music21 can read"):
        chorale_scores.read_chorale(broken)


# The corpus.


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"takes no folder.*--corpus jsb"):
        chorales.prepare(tmp_path)


def test_reading_works_from_a_script_without_a_guard():
    script = (
        "from bach_tf.corpora.chorales import read_chorales\n"
        "from bach_tf.corpora.preparation.chorale_scores import chorale_files\n"
        "paths = [path for path in chorale_files() if path.stem == 'bwv253']\n"
        "print(*read_chorales(paths))\n"
    )
    done = subprocess.run(
        [sys.executable, "-"], input=script, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "bwv253", done.stderr
    assert done.stderr.startswith("Reading 1 Bach scores from music21 (once)")


def test_silence_of_all_voices_for_two_bars_is_an_interlude():
    rows = [[72, 64, 55, 43]] * 4
    sung = Score.from_grid([*rows, *[[0] * 4] * 16, *rows], metres=((0, 4, 4),))
    interrupted = Score.from_grid([*rows, *[[0] * 4] * 32, *rows], metres=((0, 4, 4),))
    assert not chorales.is_interrupted(sung)
    assert chorales.is_interrupted(interrupted)


def test_the_same_music_is_kept_once():
    grid = np.array([[72, 64, 55, 43]] * 4 + [[74, 65, 57, 41]] * 4)
    other = grid.copy()
    other[-1, 0] = 76
    scores = {
        "bwv2": Score.from_grid(grid),
        "bwv1": Score.from_grid(np.vstack([np.zeros((4, 4), int), grid - 3])),
        "bwv3": Score.from_grid(other),
    }
    assert list(chorales.without_duplicates(scores)) == ["bwv1", "bwv3"]


def test_a_melody_is_free_of_transposition_and_repeated_notes():
    plain = chorales.melody_of(melody_score(DESCENT, title="BWV 1: Jesu, meine Freud'"))
    other = chorales.melody_of(melody_score(DESCENT, start=62, repeat_notes=2))
    assert plain.line == other.line == DESCENT
    assert plain.hymn == "jesumeinefreud"


@pytest.mark.parametrize(
    ("intervals", "title", "same"),
    [
        (LEAPS, "", False),
        (LEAPS, "BWV 3: Wo soll ich fliehen hin?", True),
        (DESCENT + DESCENT, "", True),  # the repeat written out
        ((*DESCENT[:10], -1, -1), "", True),  # another cadence
        (DESCENT[:5] + LEAPS[5:], "", False),
    ],
)
def test_settings_of_one_melody_are_told_from_others(intervals, title, same):
    one = chorales.melody_of(melody_score(DESCENT, title="BWV 2: Wo soll ich fliehen hin"))
    other = chorales.melody_of(melody_score(intervals, title=title))
    assert chorales.is_same_melody(one, other) is same
    assert chorales.is_same_melody(other, one) is same


def test_a_setting_that_resembles_two_joins_them():
    melodies = {
        "a": chorales.melody_of(melody_score(DESCENT)),
        "b": chorales.melody_of(melody_score(LEAPS)),
        "c": chorales.melody_of(melody_score(DESCENT + LEAPS)),
        "d": chorales.melody_of(melody_score(LEAPS[::-1])),
    }
    groups = [sorted(group) for group in chorales.melody_groups(melodies)]
    assert sorted(groups) == [["a", "b", "c"], ["d"]]


def test_a_split_depends_on_the_melody_alone():
    lines = list(itertools.permutations((1, 2, -3, 4, 5)))[:60]
    scores = {f"bwv{number}": melody_score(line) for number, line in enumerate(lines)}
    some = dict(reversed(list(scores.items())[:40]))
    all_splits, some_splits = chorales.split_by_melody(scores), chorales.split_by_melody(some)
    assert sum(map(len, all_splits.values())) == 60
    for split in prepared.SPLITS:
        assert set(some_splits[split]) == set(all_splits[split]) & set(some)


def test_splits_are_stable():
    lines = (DESCENT, LEAPS, DESCENT[::-1], LEAPS[::-1])
    # Literals: a change of the hash would mix the splits of earlier runs.
    assert [chorales.split_of(line) for line in lines] == ["train", "valid", "test", "train"]


def test_many_hashes_meet_the_shares():
    splits = [chorales.split_of((number,)) for number in range(3000)]
    shares = [splits.count(split) / 3000 for split in prepared.SPLITS]
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=0.03)


def test_a_damaged_file_has_the_corpus_built_again(tmp_path, monkeypatch):
    monkeypatch.setenv("BACH_TF_HOME", str(tmp_path))
    builds = []

    def build():
        builds.append(1)
        pieces = chorales.split_by_melody({"bwv1": melody_score(DESCENT)})
        return prepared.Collection(pieces)

    folder = prepared.prepare("chorales", build)
    assert prepared.prepare("chorales", build) == folder
    assert len(builds) == 1
    (piece,) = folder.glob("*/bwv1.csv")
    content = piece.read_bytes()
    piece.write_bytes(content[:-2] + b"7\n")
    assert prepared.prepare("chorales", build) == folder
    assert len(builds) == 2
    assert piece.read_bytes() == content


# The real corpus, built once.


def test_the_corpus_has_its_pieces(chorales_folder):
    counts = {split: len(prepared.piece_paths(chorales_folder, split)) for split in prepared.SPLITS}
    assert counts == {"train": 241, "valid": 84, "test": 73}
    names = [path.stem for split in prepared.SPLITS for path in chorales_folder.glob(f"{split}/*")]
    assert len(set(names)) == 398


def test_no_melody_is_in_two_splits(chorale_pieces):
    melodies = {
        split: [chorales.melody_of(score) for score in scores]
        for split, scores in chorale_pieces.items()
    }
    for one, other in itertools.combinations(prepared.SPLITS, 2):
        pairs = itertools.product(melodies[one], melodies[other])
        assert not any(chorales.is_same_melody(*pair) for pair in pairs)


def test_the_corpus_is_within_the_range_of_singers(chorale_pieces):
    for score in itertools.chain.from_iterable(chorale_pieces.values()):
        assert score.voices == 4
        assert score.pitch.min() >= 36
        assert score.pitch.max() <= 81
        assert set(score.fermatas) < set(range(score.length))
        assert 0 <= score.upbeat < score.steps_per_bar


def test_a_chorale_is_as_bach_wrote_it(chorale_pieces):
    scores = itertools.chain.from_iterable(chorale_pieces.values())
    score = next(score for score in scores if score.title.startswith("BWV 269:"))
    assert score.title == "BWV 269: Aus meines Herzens Grunde"
    assert score.key_signature == 1  # G major
    assert score.time_signature == (3, 4)
    assert score.upbeat == 4
    assert score.fermatas == (40, 76, 112, 160, 208, 244)
    assert score.to_grid(4)[:16:2].tolist() == [
        [67, 62, 59, 43],  # upbeat: G major, the bass an octave below
        [67, 62, 59, 43],
        [67, 62, 59, 55],
        [67, 62, 59, 55],
        [67, 64, 60, 52],
        [67, 64, 59, 52],  # the tenor passes
        [74, 62, 57, 54],  # D major in first inversion
        [74, 62, 57, 54],
    ]


def test_the_corpus_is_built_once(chorales_folder, monkeypatch):
    monkeypatch.setenv("BACH_TF_HOME", str(chorales_folder.parent))
    monkeypatch.setattr(chorales, "build", lambda: pytest.fail("built again"))
    assert chorales.prepare() == chorales_folder
