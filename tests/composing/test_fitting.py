import pytest
from commands import command
from midi_bytes import PHRASE, QUARTER, choir, part, save, set_up, struck

from bach_tf.codecs import EventCodec, MelodyCodec, SatbCodec
from bach_tf.composing.beginnings import read_beginning
from bach_tf.composing.fitting import Fit, fitted, fitting_shift, read_for
from bach_tf.formats.reading import ReadingWarning
from bach_tf.score import Score

CHORALES = SatbCodec(36, 84, [(60, 81), (53, 74), (48, 69), (36, 64)])
TUNES = MelodyCodec(55, 81)
CHOIR = list(zip(*PHRASE.values()))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.mid"


def test_four_voices_are_read_as_they_are(path):
    score = read_for(CHORALES, save(path, set_up(), *choir()))
    assert score.to_grid(4)[::4].tolist() == [list(chord) for chord in CHOIR]


def test_triplets_are_refused_with_their_place_or_quantized(path):
    starts = [160 * number for number in range(12)]
    save(path, set_up(), part("Melody", notes=[60, 62, 64] * 4, starts=starts, lengths=[160] * 12))
    with pytest.raises(
        ValueError,
        match=r"^a\.mid: bar 1, beat 1\.33: 8 of 12 notes begin between the 4 steps of a quarter\. "
        r"This run has 4 steps per quarter\. .* \(--quantize\)\.$",
    ):
        read_for(TUNES, path)
    with pytest.warns(ReadingWarning, match=r"bar 1, beat 1\.33: 8 of 12 notes were moved"):
        score = read_for(TUNES, path, Fit(quantize=True))
    assert score.onset.tolist()[:4] == [0, 1, 3, 4]


def test_thirty_seconds_are_refused_with_their_place_or_quantized(path):
    starts = [0, QUARTER, QUARTER + 60, QUARTER + 120, QUARTER + 180, *range(960, 3840, QUARTER)]
    lengths = [QUARTER, 60, 60, 60, 60] + [QUARTER] * 6
    pitches = (67, 69, 71, 72, 71, 69, 67, 67, 69, 71, 72)
    soprano = part("Soprano", notes=pitches, starts=starts, lengths=lengths)
    save(path, set_up(), soprano, *choir()[1:])
    with pytest.raises(ValueError, match=r"bar 1, beat 2\.12: 2 of 35 notes begin between"):
        read_for(CHORALES, path)
    with pytest.warns(ReadingWarning, match="2 of 35 notes were moved"):
        score = read_for(CHORALES, path, Fit(quantize=True))
    CHORALES.encode(score)


def test_a_melody_is_no_chorale_of_silent_voices(path):
    save(path, set_up(), part("Soprano"))
    with pytest.raises(
        ValueError, match=r"a\.mid: expected 4 voices, got a melody: the other voices"
    ):
        read_for(CHORALES, path)
    assert len(read_for(TUNES, path)) == 8


@pytest.mark.parametrize("octaves", [-2, 2, 3])
def test_music_out_of_range_is_refused_with_the_transposition_that_fits(path, octaves):
    moved = [part(name, notes=[p + 12 * octaves for p in PHRASE[name]]) for name in PHRASE]
    save(path, set_up(), *moved)
    with pytest.raises(
        ValueError,
        match=rf"^a\.mid: Pitches must be in 36\.\.84.*Transposed by [+]?{-12 * octaves} semitones "
        rf"it fits \(--transpose {-12 * octaves}, or --transpose auto\)\.$",
    ):
        read_for(CHORALES, path)
    for transpose in ("auto", -12 * octaves):
        score = read_for(CHORALES, path, Fit(transpose=transpose))
        assert score.to_grid(4)[::4].tolist() == [list(chord) for chord in CHOIR]


def test_where_no_octave_fits_it_is_the_fewest_semitones():
    tune = Score.from_grid([[50], [74]])
    assert fitting_shift(TUNES, tune) == 5
    assert fitting_shift(TUNES, Score.from_grid([[60]])) == 0
    assert fitting_shift(TUNES, Score.from_grid([[30], [90]])) is None
    with pytest.raises(ValueError, match=r"in 55\.\.81, .* Received: 50 and 0 more.* by \+5 semit"):
        fitted(TUNES, tune)
    assert fitted(TUNES, Score.from_grid([[30], [90]])).pitch.tolist() == [30, 90]  # unknown notes


def test_a_free_performance_has_no_beats_unless_it_is_quantized(path):
    starts = [0, 137, 411, 702, 933, 1178, 1502, 1777, 2013, 2411]
    save(path, struck([60] * 10, starts, [90] * 10))
    with (
        pytest.warns(ReadingWarning, match="it is read as a performance"),
        pytest.raises(ValueError, match=r"a performance in seconds has no beats.*--quantize"),
    ):
        read_for(TUNES, path)
    with pytest.warns(ReadingWarning):
        assert len(read_for(TUNES, path, Fit(quantize=True))) == 10
    assert read_for(EventCodec(60, 60), path).timing == "seconds"


def test_a_score_is_fitted_as_a_file_is():
    score = Score.from_grid([[60], [62]], steps_per_quarter=1)
    assert fitted(TUNES, score).steps_per_quarter == 4


@pytest.mark.parametrize("transpose", ["up", 1.5, None])
def test_semitones_are_whole(transpose):
    with pytest.raises(
        ValueError, match=r"`transpose` must be a whole number of semitones, or 'auto'"
    ):
        Fit(transpose=transpose)


BOOK = "X:1\nL:1/4\nK:C\nC D E F|\n\nX:2\nL:1/4\nK:C\n|:G A B c:|\n"


def test_a_tune_of_a_book_is_chosen_and_unfolded(path):
    path = path.with_suffix(".abc")
    path.write_text(BOOK)
    assert read_for(TUNES, path, Fit(tune=2)).pitch.tolist() == [67, 69, 71, 72]
    assert read_for(TUNES, path, Fit(tune=2, unfold=True)).pitch.tolist() == [67, 69, 71, 72] * 2


def test_a_tune_is_chosen_of_a_file_alone():
    for primer in (None, "60 62"):
        with pytest.raises(ValueError, match="There is no file with a tune 3"):
            read_beginning(TUNES, primer, fit=Fit(tune=3))


# The command.

generate = command("generate")


@pytest.mark.parametrize(
    ("pitches", "options", "said"),
    [
        (range(8), [], "bar 1, beat 1.33: 5 of 8 notes begin between the 4 steps of a quarter"),
        (
            range(8),
            ["--transpose", "up"],
            "argument --transpose: expected a whole number in -48..48",
        ),
    ],
)
def test_the_command_says_what_does_not_fit(path, capsys, pitches, options, said):
    starts = [160 * number for number in pitches]
    save(path, struck([60 + number for number in pitches], starts, [160] * 8))
    arguments = ["--run", "pretrained", "--primer", path, *options]
    try:
        status = generate(arguments)
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("voices", "octaves", "said"),
    [
        (4, 2, "Transposed by -24 semitones it fits (--transpose -24, or --transpose auto)."),
        (1, 0, "expected 4 voices, got a melody"),
    ],
)
def test_the_command_says_what_would_fit(path, capsys, voices, octaves, said):
    tracks = [part(n, notes=[p + 12 * octaves for p in PHRASE[n]]) for n in [*PHRASE][:voices]]
    save(path, set_up(), *tracks)
    assert generate(["--run", "pretrained", "--primer", path]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("a.abc", ["--tune", "3"], "a.abc has no tune 3. Choose from: 1, 2."),
        ("a.mid", ["--tune", "2"], "holds one piece: there is no tune 2 to choose"),
        ("a.abc", ["--tune", "2", "--unfold"], "expected 4 voices, got a melody"),
    ],
)
def test_the_command_chooses_a_tune(path, capsys, name, options, said):
    save(path, set_up(), *choir())
    path.with_suffix(".abc").write_text(BOOK)
    primer = str(path.with_name(name))
    assert generate(["--run", "pretrained", "--primer", primer, *options]) == 2
    assert said.casefold() in capsys.readouterr().err.casefold()
