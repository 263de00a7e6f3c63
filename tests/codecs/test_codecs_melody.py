import pytest

from bach_tf.codecs import MelodyCodec, parse_tokens
from bach_tf.score import Score


def tune(notes, length, **about):
    onset, duration, pitch = zip(*notes)
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=[0] * len(notes),
        velocity=[80] * len(notes),
        length=length,
        **about,
    )


def names(codec, ids):
    return " ".join(codec.tokens[number] for number in ids)


@pytest.mark.parametrize(
    ("notes", "length", "text"),
    [
        ([(0, 1, 60)], 1, "C4"),
        ([(0, 2, 60), (2, 1, 60), (3, 2, 61)], 5, "C4 _ C4 C#4 _"),  # a repeated note
        ([(2, 2, 60), (6, 1, 72)], 9, "r _ C4 _ r _ C5 r _"),  # rests on both sides
        ([(0, 4, 60)], 4, "C4 _ _ _"),
    ],
)
def test_tunes_by_hand(notes, length, text):
    codec, score = MelodyCodec(60, 72), tune(notes, length)
    ids = codec.encode(score)
    assert names(codec, ids) == f"<start> {text} <end>"
    assert codec.decode(ids) == score


def test_rests_alone_and_nothing_at_all():
    codec, empty = MelodyCodec(60, 72), {"onset": [], "duration": [], "pitch": []}
    for length, text in ((3, "<start> r _ _ <end>"), (0, "<start> <end>")):
        score = Score(**empty, voice=[], velocity=[], length=length)
        assert names(codec, codec.encode(score)) == text
        assert codec.decode(codec.encode(score)) == score


@pytest.mark.parametrize(
    ("text", "notes", "length"),
    [
        ("_ _ C4", [(2, 1, 60)], 3),  # a hold at the beginning is a rest
        ("r r C4 r", [(2, 1, 60)], 4),
        ("C4 <unknown> _ C4", [(0, 1, 60), (3, 1, 60)], 4),  # unknown notes keep the time
        ("C4 <pad> _ <start> _", [(0, 3, 60)], 3),
        ("C4 _ <end> C4", [(0, 2, 60)], 2),
    ],
)
def test_ids_that_are_no_proper_piece(text, notes, length):
    codec = MelodyCodec(60, 72)
    assert codec.decode(parse_tokens(codec, text)) == tune(notes, length)


def test_the_ids():
    codec = MelodyCodec(60, 62)
    assert codec.tokens == (
        "<pad>", "<start>", "<end>", "<unknown>", "_", "r", "C4", "C#4", "D4",
    )  # fmt: skip
    assert codec.may_follow.astype(int).tolist() == [[0, 0, 1, 0, 1, 1, 1, 1, 1]]
    assert codec.counted.astype(int).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert codec.transposition([1, -2]).tolist() == [
        [0, 1, 2, 3, 4, 5, 7, 8, 0],
        [0, 1, 2, 3, 4, 5, 0, 0, 6],
    ]
    assert (codec.step_name, codec.steps_per_bar, codec.voice_names) == (
        "sixteenth",
        16,
        ("melody",),
    )


def test_the_range_is_that_of_the_scores_transposed():
    scores = [tune([(0, 1, 60)], 1), tune([(0, 1, 64), (1, 1, 62)], 2)]
    assert MelodyCodec.fit(scores).to_config() == {"lowest": 60, "highest": 64}
    codec = MelodyCodec.fit(scores, transpose=(-2, 3))
    assert codec.to_config() == {"lowest": 58, "highest": 67}
    assert MelodyCodec.fit(scores, transpose=(-99, 99)).to_config() == {"lowest": 0, "highest": 127}


@pytest.mark.parametrize(
    "notes", [[(0, 4, 60), (2, 1, 64)], [(2, 1, 60), (2, 2, 64)], [(0, 3, 60), (2, 1, 64)]]
)
def test_two_notes_at_a_time_are_refused(notes):
    message = r"one note at a time\. Received: E4 begins at step 2 while C4 still sounds \(Two\)"
    with pytest.raises(ValueError, match=message):
        MelodyCodec(60, 72).encode(tune(notes, 8, title="Two"))


def test_voices_in_turn_are_one_melody():
    score = Score.from_grid([[60, 0], [0, 64], [67, 0]])
    codec = MelodyCodec(60, 72)
    assert names(codec, codec.encode(score)) == "<start> C4 E4 G4 <end>"
    assert codec.decode(codec.encode(score)).voices == 1


@pytest.mark.parametrize("bounds", [(-1, 81), (36, 128), (61, 60)])
def test_bounds_of_the_pitches(bounds):
    lowest, highest = bounds
    message = rf"in 0\.\.127, in order\. Received: lowest={lowest}, highest={highest}"
    with pytest.raises(ValueError, match=message):
        MelodyCodec(lowest, highest)


# Metre and upbeat at the beginning.

HEADED = MelodyCodec(60, 72, metres=[(3, 4), (6, 8)], upbeats=[0, 4])


def test_a_tune_begins_with_its_metre_and_its_upbeat():
    score = tune([(0, 4, 60), (4, 2, 72)], 6, metres=((0, 3, 4),), upbeat=4)
    ids = HEADED.encode(score)
    assert names(HEADED, ids) == "<start> 3/4 upbeat:4 C4 _10 _11 _12 C5 _2 <end>"
    assert HEADED.decode(ids) == score
    assert HEADED.effects[HEADED.tokens.index("6/8")] == {"metre": [6, 8]}
    assert HEADED.effects[HEADED.tokens.index("upbeat:4")] == {"upbeat": 4}


def test_an_upbeat_is_counted_without_whole_bars():
    score = tune([(0, 4, 60)], 30, metres=((0, 3, 4),), upbeat=28)
    assert HEADED.decode(HEADED.encode(score)).upbeat == 4


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ({}, "<unknown> upbeat:0"),
        ({"metres": ((0, 5, 4),)}, "<unknown> upbeat:0"),
        ({"metres": ((0, 3, 4),), "upbeat": 2}, "3/4 <unknown>"),
    ],
)
def test_metres_that_training_has_not_seen_are_unknown(about, text):
    ids = HEADED.encode(tune([(0, 2, 60)], 2, **about))
    assert names(HEADED, ids) == f"<start> {text} C4 _ <end>"  # nobody knows where it stands
    again = HEADED.decode(ids)
    assert again.pitch.tolist() == [60]
    assert (again.metres, again.upbeat) == (about["metres"] if text[0] == "3" else (), 0)


@pytest.mark.parametrize(
    ("text", "metres", "length"),
    [
        ("3/4 upbeat:0", ((0, 3, 4),), 0),
        ("3/4", (), 0),
        ("upbeat:4 3/4 C4 _", (), 2),
        ("C4 3/4 _ upbeat:4 _", (), 3),
        ("3/4 upbeat:4 6/8 C4", ((0, 3, 4),), 1),
        ("3/4 upbeat:0 C4 _ _7 _12", ((0, 3, 4),), 4),  # any hold holds
    ],
)
def test_headers_out_of_place_take_no_time(text, metres, length):
    score = HEADED.decode(parse_tokens(HEADED, text))
    assert (score.metres, score.length) == (metres, length)


def test_a_header_has_what_training_has_seen():
    waltz, march = (tune([(0, 1, 60)], 1, metres=((0, *each),)) for each in ((3, 4), (2, 4)))
    late = tune([(0, 1, 60)], 1, metres=((0, 3, 4),), upbeat=4)
    codec = MelodyCodec.fit([march, waltz, late, tune([(0, 1, 60)], 1)], header=True)
    assert codec.to_config() == {
        "lowest": 60,
        "highest": 60,
        "metres": [[3, 4], [2, 4]],
        "upbeats": [0, 4],
    }
    # Without any metre to learn from there is no header, and none is where none is asked for.
    plain = {"lowest": 60, "highest": 60}
    assert MelodyCodec.fit([tune([(0, 1, 60)], 1)], header=True).to_config() == plain
    assert MelodyCodec.fit([waltz]).to_config() == plain
    assert MelodyCodec.from_config(plain).encode(waltz).tolist() == [1, 6, 2]  # of older runs


@pytest.mark.parametrize(
    ("metres", "upbeats", "message"),
    [
        ([(3, 4)], [], "both metres and upbeats"),
        ([], [0], "both metres and upbeats"),
        ([(3, 4), (3, 4)], [0], "`metres` must not repeat"),
        ([(3, 4)], [0, 0], "`upbeats` must not repeat"),
        ([(3, 5)], [0], r"Note values must be powers of 2\. Received: \(\(3, 5\),\)"),
    ],
)
def test_headers_that_cannot_be(metres, upbeats, message):
    with pytest.raises(ValueError, match=message):
        MelodyCodec(60, 72, metres, upbeats)
