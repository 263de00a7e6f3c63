import contextlib
import re
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bach_tf.corpora import folk
from bach_tf.corpora.preparation import archives, prepared, tune_groups
from bach_tf.formats import abc_tunes, kern, tunes
from bach_tf.formats.notation.text import decode, read_meter
from bach_tf.score import Score

UPBEAT_ABC = """X:1
T: WENN ICH EIN VOEGLEIN WAER
N: E0512
M: 3/4
L: 1/8
K: F
C2 | F2GAB2- | B2c2z2
^F2 | F2f3F | F6 |
"""
UPBEAT_KERN = """!!!OTL: WENN ICH EIN VOEGLEIN WAER
!!!SCT: E0512
**kern
*ICvox
*M3/4
*k[b-]
*F:
{4c
=1
4f
8g
8a
[4b-
=2
4b-]
4cc
4r}
!! a comment
{4f#
=3
4f#
4.ff#
8f#
=4
2.fn}
==
*-
"""
UPBEAT_NOTES = [
    (0, 4, 60), (4, 4, 65), (8, 2, 67), (10, 2, 69), (12, 8, 70), (20, 4, 72),
    (28, 4, 66), (32, 4, 65), (36, 6, 77), (42, 2, 65), (44, 12, 65),
]  # fmt: skip


def notes_of(score):
    return list(zip(score.onset.tolist(), score.duration.tolist(), score.pitch.tolist()))


def abc(music, *, meter="4/4", unit="1/16", key="C"):
    return abc_tunes.read_abc(f"X:1\nM:{meter}\nL:{unit}\nK:{key}\n{music}\n")


def kern_of(*tokens, meter="4/4", key=""):
    return kern.read_kern("\n".join(["**kern", f"*M{meter}", f"*k[{key}]", *tokens, "*-"]))


def melody(intervals, *, start=67, title="", times=1):
    pitch = np.repeat(start + np.cumsum([0, *intervals]), times)
    onset = np.arange(pitch.size) * 4
    return Score(
        onset=onset,
        duration=np.full(pitch.size, 4),
        pitch=pitch,
        voice=np.zeros(pitch.size, int),
        velocity=np.full(pitch.size, 80),
        length=pitch.size * 4,
        title=title,
    )


def splits_by_name(manifest):
    files = [entry["file"].removesuffix(".csv").split("/") for entry in manifest["pieces"]]
    return {name: split for split, name in files}


# ABC.


def test_a_tune_in_abc():
    score = abc_tunes.read_abc(UPBEAT_ABC)
    assert notes_of(score) == UPBEAT_NOTES
    assert score.title == "WENN ICH EIN VOEGLEIN WAER"
    assert (score.key_signature, score.time_signature, score.upbeat) == (-1, (3, 4), 4)
    assert (score.length, score.steps_per_quarter) == (56, 4)
    assert set(score.voice) == {0}
    assert set(score.velocity) == {80}


@pytest.mark.parametrize(
    ("music", "pitches"),
    [
        ("C,CcC'c'", [48, 60, 72, 72, 84]),
        ("^F F =F F", [66, 66, 65, 65]),
        ("^F F | F", [66, 66, 65]),
        ("^F f", [66, 78]),  # an accidental holds in every octave
        ("^F F\nF", [66, 66, 66]),  # the end of a line is no bar line
        ("_B ^^c __d", [70, 74, 72]),
        ("^F- | F F", [66, 65]),  # a tie takes the accidental over the bar line, for its note
        ("F-^F", [65, 66]),
        ("C-z C", [60, 60]),
        ('"Am"C {d}D !f!E % F\n', [60, 62, 64]),
    ],
)
def test_abc_pitches(music, pitches):
    assert abc(music).pitch.tolist() == pitches


@pytest.mark.parametrize(
    ("key", "sharps", "pitches"),
    [
        ("C", 0, [65, 71]),
        ("G", 1, [66, 71]),
        ("Bb", -2, [65, 70]),
        ("Em", 1, [66, 71]),
        ("D minor", -1, [65, 70]),
        ("G mix", 0, [65, 71]),
        ("none", 0, [65, 71]),
        ("F#", 6, [66, 71]),
    ],
)
def test_abc_keys(key, sharps, pitches):
    score = abc("FB", key=key)
    assert (score.key_signature, score.pitch.tolist()) == (sharps, pitches)


@pytest.mark.parametrize(
    ("music", "notes"),
    [
        ("C3D", [(0, 3, 60), (3, 1, 62)]),
        ("C2z2x4D", [(0, 2, 60), (8, 1, 62)]),
        ("z4C4", [(4, 4, 60)]),
        ("C8-|C8-|C4", [(0, 20, 60)]),
        ("C2-C2C2", [(0, 4, 60), (4, 2, 60)]),
        ("C8/2D4/E4//", [(0, 4, 60), (4, 2, 62), (6, 1, 64)]),
        ("(3C4D4E4", None),
        ("(3C3D3E3", [(0, 2, 60), (2, 2, 62), (4, 2, 64)]),
        ("C/2", None),
        ("|:C4:|D4::E4|1F4:|2G4|]", [(0, 4, 60), (4, 4, 62), (8, 4, 64), (12, 4, 65), (16, 4, 67)]),
        ("|:C4[1D4:|[2E4||", [(0, 4, 60), (4, 4, 62), (8, 4, 64)]),
    ],
)  # fmt: skip
def test_abc_lengths(music, notes):
    if notes is None:
        with pytest.raises(tunes.OffGridError, match="expected sixteenths only, got a time of"):
            abc(music)
    else:
        assert notes_of(abc(music)) == notes


def test_a_final_rest_is_part_of_the_piece():
    assert abc("C4z4").length == 8


@pytest.mark.parametrize(
    ("meter", "unit", "signature", "steps"),
    [
        ("3/8", "", (3, 8), 1),
        ("6/8", "", (6, 8), 2),
        ("C", "", (4, 4), 2),
        ("C|", "L:1/4\n", (2, 2), 4),
        ("Frei", "L:1/8\n", None, 2),
        ("none", "", None, 2),
    ],
)
def test_abc_metres_and_their_units(meter, unit, signature, steps):
    score = abc_tunes.read_abc(f"X:1\nM:{meter}\n{unit}K:C\nC | D\n")
    assert score.time_signature == signature
    assert score.duration.tolist() == [steps, steps]
    assert score.upbeat == (steps if signature else 0)


def test_the_first_metre_and_key_are_the_tunes():
    score = abc("F4 | F4\nM:3/8\nK:G\nL:1/8\nF3 | F3")
    assert score.pitch.tolist() == [65, 65, 66, 66]
    assert score.duration.tolist() == [4, 4, 6, 6]
    assert (score.time_signature, score.key_signature, score.upbeat) == ((4, 4), 0, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X:1\nK:C\nCD\nC?D", r"row 4, measure 1, '\?D': expected notes, rests and bar lines"),
        ("X:1\nK:C\n[CEG]", r"of one voice, got notes that overlap in measure 1, beat 1"),
        ("X:1\nK:C\n(1CDEFG", r"row 3, measure 1: expected a tuplet"),
        ("X:1\nK:C\n>C", r"row 3, measure 1: expected a note before '>'"),
        ("X:1\nK:H\nC", r"row 2, measure 1: expected a key such as G, Bb or F#m, got 'H'"),
        ("X:1\nK:CM\nC", r"row 2, measure 1: expected a key"),
        ("X:1\nK:A# loc\nC", None),
        (
            "X:1\nK:G#\nC",
            r"row 2, measure 1: expected a key of at most 7 sharps or flats, got 'G#'",
        ),
        ("X:1\nL:x\nK:C\nC", r"row 2, measure 1: expected a length such as L:1/8, got 'x'"),
        ("X:1\nL:1/0\nK:C\nC", r"row 2, measure 1: expected a length such as"),
        (
            "X:1\nK:C\nC0",
            r"row 3, measure 1: expected a length above 0 such as 3, 3/2 or /, got '0'",
        ),
        ("X:1\nK:C\nC/0", r"row 3, measure 1: expected a length above 0"),
        ("X:1\nK:C\nC4//2", r"row 3, measure 1: expected a length above 0"),
        ("X:1\nK:C\nV:1\nC\nV:2\nC", r"expected a tune of one voice, got 2"),
        (
            "X:1\nCDE",
            r"row 2, measure 1, 'CDE': expected a field such as K:G before the first note",
        ),
        ("X:1\nK:C\n|:z4:|", r"expected a tune, got no note"),
        ("X:1\nK:C\nC'''''''", r"row 3, measure 1: expected MIDI's pitches"),
    ],
)
def test_abc_that_cannot_be_read(text, message):
    if message is None:
        assert abc_tunes.read_abc(text).key_signature == 5
        return
    with pytest.raises(ValueError, match=message):
        abc_tunes.read_abc(text)


def test_a_bar_too_long_by_a_part_of_a_beat_is_no_metre():
    with pytest.raises(ValueError, match=r"expected whole beats in bars of 2/4, got 9/4 quarters"):
        abc("E2 | A4A4 | c2BcdC2B2 | A4", meter="2/4")
    assert len(abc("E4 | A4A4A4 | A4A4A4A4 | A8", meter="2/4")) == 9  # other bars, whole beats


def test_the_tunes_of_a_file():
    text = "% a collection\r\n\r\nX:1\r\nK:C\r\nC\r\n\r\nX: 2\r\nK:C\r\nD\r\n"
    first, second = abc_tunes.split_tunes(text)
    assert abc_tunes.read_abc(first).pitch.tolist() == [60]
    assert abc_tunes.read_abc(second).pitch.tolist() == [62]


# Humdrum.


def test_a_tune_in_kern():
    score = kern.read_kern(UPBEAT_KERN)
    expected = list(UPBEAT_NOTES)
    expected[7:10] = [(32, 4, 66), (36, 6, 78), (42, 2, 66)]
    assert notes_of(score) == expected
    assert score.title == "WENN ICH EIN VOEGLEIN WAER"
    assert (score.key_signature, score.time_signature, score.upbeat) == (-1, (3, 4), 4)
    assert score.length == 56


@pytest.mark.parametrize(
    ("token", "duration", "pitch"),
    [
        ("4c", 4, 60),
        ("8cc", 2, 72),
        ("4C", 4, 48),
        ("2CC", 8, 36),
        ("1ccc", 16, 84),
        ("0b", 32, 71),
        ("00b", 64, 71),
        ("2.f#", 12, 66),
        ("2..f#", 14, 66),
        ("16e-", 1, 63),
        ("4c--", 4, 58),
        ("4c##", 4, 62),
        ("4ccn", 4, 72),
        ("{(4g;L/'", 4, 67),
        ("12c", None, None),
        ("24c", None, None),
        ("32c", None, None),
    ],
)
def test_kern_tokens(token, duration, pitch):
    if duration is None:
        with pytest.raises(tunes.OffGridError, match="expected sixteenths only"):
            kern_of(token)
    else:
        assert notes_of(kern_of(token)) == [(0, duration, pitch)]


def test_kern_rests_ties_and_grace_notes():
    score = kern_of("4r", "[2c", "=1", "2c_", "4c]", "16qd", ".", "4c", "4r", "==")
    assert notes_of(score) == [(4, 20, 60), (24, 4, 60)]
    assert score.length == 32


def test_a_kern_tune_that_begins_with_a_bar_line_has_no_upbeat():
    assert kern_of("=1", "1c", "=2", "2c", "==").upbeat == 0
    assert kern_of("=1", "2c", "=2", "1c", "==").upbeat == 8
    assert kern_of("1c", "2c").upbeat == 0  # no bar line at all


@pytest.mark.parametrize(
    ("key", "sharps"), [("", 0), ("f#c#", 2), ("b-e-a-", -3), ("c-e-a-", None), ("c#", None)]
)
def test_kern_key_signatures(key, sharps):
    assert kern_of("4c", key=key).key_signature == sharps


def test_the_first_of_several_metres_in_kern():
    assert kern_of("4c", "*M3/4", "*k[f#]", "4d").time_signature == (4, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected a file in Humdrum \*\*kern, got 'an empty file'"),
        ("Dear reader,\nno music.", r"expected a file in Humdrum \*\*kern, got 'Dear reader,'"),
        ("**kern\t**kern\n4c\t4d\n*-\t*-", r"expected a tune of one voice, got 2"),
        ("**kern\n4c\n4c 4e\n*-", r"of one voice, got notes that overlap in measure 1"),
        ("**kern\n4.B\b8G\n*-", r"row 2.*: expected a note"),
        ("**kern\n4cd\n*-", r"row 2.*: expected a note"),
        ("**kern\nc\n*-", r"row 2.*: expected a note"),
        ("**kern\n4r\n*-", r"expected a tune, got no note"),
        ("**kern\n4CCCCCC\n*-", r"row 2.*: expected a note"),
    ],
)
def test_kern_that_cannot_be_read(text, message):
    with pytest.raises(ValueError, match=message):
        kern.read_kern(text)


# What both readers share.


def test_an_upbeat_off_the_grid():
    with pytest.raises(tunes.OffGridError, match="a time of 1/3 quarters"):
        kern_of("12c", "=1", "1c")


@pytest.mark.parametrize("text", ["Frei", "4", "4/", "/4", "0/4", "4/0", "3+/8", "9999/4", ""])
def test_texts_that_are_no_metre(text):
    assert read_meter(text) is None


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_tune_is_read_or_refused_as_one(data):
    text, read = data.draw(
        st.sampled_from([(UPBEAT_ABC, abc_tunes.read_abc), (UPBEAT_KERN, kern.read_kern)])
    )
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    odd = st.sampled_from("|:[](){}-_=^.,'/z0123456789qnK\n\tMV*!%é\u0663\u00b2")
    filling = data.draw(st.text(odd, max_size=6))
    with contextlib.suppress(ValueError):  # and no other
        assert len(read(text[:start] + filling + text[end:])) > 0


# Variants in one split.

ONE = (5, 2, 2, 1, -1, -2, -2, 7, -3, 1, -5, 4, -2, -2)
TWO = (-3, 8, -1, -2, 3, 5, -4, -5, 9, -7, 2, 2, -8, 3)
THREE = (1, 2, 2, 3, -8, 12, -5, -1, 6, -3, -4, 2, -2, 7)


def test_transposed_and_longer_variants_are_one_group():
    scores = {
        "a": melody(ONE),
        "b": melody(ONE, start=60),
        "c": melody((*ONE, *TWO)),  # with a part more
        "d": melody(THREE),
        "e": melody((*ONE[:4], 3, *ONE[5:])),  # one note off
    }
    assert tune_groups.variant_groups(scores) == [["a", "b", "c", "e"], ["d"]]


def test_a_label_in_common_makes_a_group():
    scores = {"a": melody(ONE), "b": melody(TWO), "c": melody(THREE)}
    labels = {"a": {"E0001", "SONG"}, "b": {"E0002"}, "c": {"SONG"}}
    assert tune_groups.variant_groups(scores, labels) == [["a", "c"], ["b"]]
    assert tune_groups.variant_groups(scores, {"a": [], "b": []}) == [["a"], ["b"], ["c"]]


def test_tunes_shorter_than_a_run_are_one_only_if_they_are_equal():
    scores = {"a": melody((2, 2)), "b": melody((2, 2), start=50), "c": melody((2, 3))}
    assert tune_groups.variant_groups(scores) == [["a", "b"], ["c"]]


@pytest.fixture
def many():
    """Forty different melodies, each twice."""
    drawn = np.random.default_rng(0).integers(-7, 8, (40, 20)).tolist()
    return {f"{i:02}{v}": melody(line, start=60 + s) for i, line in enumerate(drawn)
            for v, s in (("a", 0), ("b", 3))}  # fmt: skip


def test_groups_stay_whole_and_fill_the_splits(many):
    pieces = tune_groups.split_groups(many, tune_groups.variant_groups(many))
    assert {split: len(names) for split, names in pieces.items()} == {
        "train": 64, "valid": 8, "test": 8
    }  # fmt: skip
    for names in pieces.values():
        assert {name[:2] + "ab".replace(name[2], "") for name in names} == set(names)


def test_the_split_depends_on_the_melodies_alone(many):
    groups = tune_groups.variant_groups(many)
    first = tune_groups.split_groups(many, groups)
    shuffled = dict(reversed(many.items()))
    again = tune_groups.split_groups(shuffled, tune_groups.variant_groups(shuffled)[::-1])
    assert {s: set(names) for s, names in again.items()} == {s: set(n) for s, n in first.items()}
    renamed = {f"x{100 - i}": score for i, score in enumerate(many.values())}
    new_names = dict(zip(many, renamed))
    other = tune_groups.split_groups(renamed, tune_groups.variant_groups(renamed))
    for split, names in first.items():
        assert {new_names[name] for name in names} == set(other[split])


def test_the_largest_group_goes_to_train():
    scores = {"x": melody(TWO), "y": melody(THREE)} | {c: melody(ONE) for c in "abcdefgh"}
    pieces = tune_groups.split_groups(scores, tune_groups.variant_groups(scores))
    assert sorted(pieces["train"]) == list("abcdefgh")
    assert {split: len(names) for split, names in pieces.items() if split != "train"} == {
        "valid": 1, "test": 1
    }  # fmt: skip


def test_fewer_than_three_melodies_cannot_be_split():
    scores = {"a": melody(ONE), "b": melody(ONE), "c": melody(TWO)}
    with pytest.raises(ValueError, match=r"at least 3 different melodies.*got 2 in 3 tunes"):
        tune_groups.split_groups(scores, tune_groups.variant_groups(scores))


# Files.


def kern_text(intervals, *, title="", number="", start=4):
    names = ["c", "c#", "d", "d#", "e", "f", "f#", "g", "g#", "a", "a#", "b"]
    pitches = start + 12 + np.cumsum([0, *intervals])
    tokens = []
    for pitch in pitches.tolist():
        name = names[pitch % 12]
        tokens.append("4" + name[0] * max(1, pitch // 12) + name[1:])
    head = [f"!!!OTL: {title}", f"!!!SCT: {number}", "**kern", "*M4/4"]
    return "\n".join([*head, *tokens, "*-\n"])


def different_songs(count):
    drawn = np.random.default_rng(0).integers(-3, 4, (count, 12)).tolist()
    return {f"{i}.krn": kern_text(line, start=40) for i, line in enumerate(drawn)}


SONGS = {
    "erk/one.krn": kern_text(ONE, title="EINS", number="E0001"),
    "erk/one_a.krn": kern_text(THREE[::-1], title="NOCH EINS", number="E0001A"),
    "erk/two.krn": kern_text(TWO, title="HANDWF[ERK3SGESELL", number="E0002"),
    "erk/three.krn": kern_text(THREE, title="DREI", number="E0003"),
    "erk/triplets.krn": "**kern\n12c\n12d\n12e\n*-\n",
    "__MACOSX/erk/._one.krn": "\x00\x05",
    "erk/._two.krn": "\x00\x05",
    "erk/README.txt": "songs",
}


@pytest.fixture
def zip_of(tmp_path):
    """Write a zip archive of some texts."""

    def write(members):
        path = tmp_path / "songs.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        return path

    return write


@pytest.fixture
def folder_of(tmp_path):
    """Write a folder of some texts."""

    def write(members):
        root = tmp_path / "songs"
        root.mkdir()
        for name, text in members.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write


@pytest.mark.parametrize("kind", ["zip_of", "folder_of"])
def test_songs_of_a_zip_archive_or_a_folder(kind, request, home):
    made = folk.prepare(request.getfixturevalue(kind)(SONGS))
    manifest = prepared.read_manifest(made)
    assert made.parent == home
    assert manifest["layout"] == "notes"
    ((name, reason),) = manifest["left_out"].items()
    assert "triplets" in name
    reasons = {
        "zip_of": "expected sixteenths only, got a time of 1/3 quarters",
        "folder_of": "bar 1, beat 1.33: 2 of 3 notes begin between the 4 steps of a quarter",
    }
    assert reason == reasons[kind]
    split_of = splits_by_name(manifest)
    assert sorted(split_of) == ["one", "one_a", "three", "two"]
    assert split_of["one"] == split_of["one_a"] == "train"  # one song, two melodies
    titles = {score.title for scores in prepared.read_prepared(made).values() for score in scores}
    assert titles == {"EINS", "NOCH EINS", "HANDWERKSGESELL", "DREI"}


def test_two_archives_are_two_corpora(zip_of, home):
    first = folk.prepare(zip_of(SONGS))
    assert folk.prepare(zip_of(SONGS | {"erk/four.krn": kern_text(TWO[::-1])})) != first


def test_songs_of_one_name_are_both_kept(folder_of, home):
    songs = folder_of({"a/1.krn": kern_text(ONE), "b/1.krn": kern_text(TWO),
                       "c/1.KRN": kern_text(ONE[::-1]), "c/2.krn": kern_text(THREE)})  # fmt: skip
    manifest = prepared.read_manifest(folk.prepare(songs))
    assert set(splits_by_name(manifest)) == {"a-1", "b-1", "c-1", "2"}


@pytest.mark.parametrize(
    "name", ["../evil.krn", "/tmp/evil.krn", "erk/../../evil.krn", "..\\evil.krn", "C:\\evil.krn"]
)
def test_an_archive_with_a_member_outside_is_refused(zip_of, home, tmp_path, name):
    archive = zip_of(SONGS | {name: kern_text(ONE)})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=r"songs\.zip: expected members inside.*Do not trust"):
        folk.prepare(archive)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_too_large_for_a_tune_is_left_out(zip_of, home):
    songs = different_songs(10) | {"zzz.krn": "**kern\n" + "4c\n" * 40_000}
    made = folk.prepare(zip_of(songs))
    ((name, reason),) = prepared.read_manifest(made)["left_out"].items()
    assert name == "zzz"
    assert reason.endswith("zzz.krn: expected at most 100,000 bytes, got 120,007")


def test_an_archive_of_very_many_members_is_refused(zip_of, home, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 7)
    with pytest.raises(ValueError, match=r"expected at most 7 members, got more\. Do not trust"):
        folk.prepare(zip_of(SONGS))


def test_not_an_archive(tmp_path, home):
    path = tmp_path / "songs.zip"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(ValueError, match=r"songs\.zip: expected a zip archive, got: File is not"):
        folk.prepare(path)


def test_a_damaged_archive(zip_of, home):
    path = zip_of(SONGS)
    content = bytearray(path.read_bytes())
    content[60:70] = bytes(10)  # within the first member
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"got 1 of 5 that are not: one: songs\.zip: erk/one\.krn: "
    ):
        folk.prepare(path)


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_is_left_out_with_its_name(kind, tmp_path, home):
    path = tmp_path / "songs.zip"
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, text in different_songs(12).items():
            archive.writestr(name, text)
        start = archive.getinfo("3.krn").header_offset + 30 + len("3.krn")
        size = archive.getinfo("3.krn").compress_size
    content = bytearray(path.read_bytes())
    content[start + 4 : start + size] = bytes(
        byte ^ 0xFF for byte in content[start + 4 : start + size]
    )
    path.write_bytes(content)
    ((name, reason),) = prepared.read_manifest(folk.prepare(path))["left_out"].items()
    assert name == "3"
    assert reason.startswith("songs.zip: 3.krn: expected a whole member, got: ")


def test_a_name_of_300_characters_in_a_zip_is_cut(zip_of, home):
    songs = different_songs(3) | {f"{'ä' * 300}.krn": kern_text(THREE, start=40)}
    manifest = prepared.read_manifest(folk.prepare(zip_of(songs)))
    (name,) = set(splits_by_name(manifest)) - {"0", "1", "2"}
    assert name.startswith("ä" * 50 + "-")
    assert manifest["left_out"] == {}


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path, home):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.krn", b" " * 90_000)
    message = r"^bomb\.zip: expected at most 20 bytes for each packed one, got 1,800,000 of"
    with pytest.raises(ValueError, match=message):
        folk.prepare(path)


def test_an_archive_of_very_many_bytes_is_refused(zip_of, home, monkeypatch):
    archive = zip_of(different_songs(60) | {"text.txt": "words " * 500})
    size = archive.stat().st_size
    monkeypatch.setattr(archives, "MOST_BYTES", size)
    with pytest.raises(ValueError, match=rf"at most {size:,} bytes unpacked, got [\d,]+\. Do not"):
        folk.prepare(archive)


def test_an_archive_of_20_gb_is_not_read(tmp_path, home):
    with (tmp_path / "sparse.zip").open("wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(
        ValueError, match=r"^sparse\.zip: expected an archive of at most 20,000,000"
    ):
        folk.prepare(tmp_path / "sparse.zip")


def test_nothing_to_read(tmp_path, folder_of, zip_of, home):
    with pytest.raises(ValueError, match=r"Expected melodies of one voice .* Got none"):
        folk.prepare(folder_of({"README.txt": "nothing"}))
    with pytest.raises(ValueError, match=r"expected \.krn files in the archive, got none"):
        folk.prepare(zip_of({"__MACOSX/._a.krn": "nothing"}))
    with pytest.raises(ValueError, match=r"absent does not exist\. Expected a folder of melodies"):
        folk.prepare(tmp_path / "absent")


BAD = {"letter.krn": "Dear reader,\n"}


def test_unreadable_tunes_are_left_out_up_to_a_tenth(zip_of, home, capsys):
    made = folk.prepare(zip_of(different_songs(9) | BAD))
    reason = "expected a file in Humdrum **kern, got 'Dear reader,'"
    assert prepared.read_manifest(made)["left_out"] == {"letter": reason}
    assert "1 of 10" in capsys.readouterr().err


def test_more_than_a_tenth_unreadable_is_an_error(zip_of, home):
    songs = different_songs(8)
    songs |= {"triplets.krn": SONGS["erk/triplets.krn"]}  # which does not count
    assert folk.prepare(zip_of(songs | BAD)).is_dir()
    bill = {"bill.krn": "1.50\n"}
    with pytest.raises(ValueError, match=r"nine in ten.*got 2 of 11 that are not: bill: expec"):
        folk.prepare(zip_of(songs | BAD | bill))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        ("Grüße".encode("cp437"), "Grüße"),
    ],
)
def test_umlauts(content, text):
    assert decode(content) == text


def test_titles_as_they_were():
    assert folk.clean_title("TUF[ERK1ISCHE [2. STROPHE]") == "TUERKISCHE [2. STROPHE]"


def test_minor_tunes_have_the_signature_of_minor():
    minor = folk.read_erk_abc("X:1\nM:4/4\nL:1/4\nK:A\nA B =c d | e =c B A\n")
    assert (minor.key_signature, minor.pitch.tolist()[2]) == (0, 72)
    major = folk.read_erk_abc("X:1\nM:4/4\nL:1/4\nK:A\nA B c d | e c B =c\n")
    assert major.key_signature == 3


# The real collection.


@pytest.fixture(scope="module")
def embedded():
    """The tunes that come with music21: `{name: score}`, and the reasons of those left out."""
    scores, left_out = {}, {}
    for found in folk.find_abc_tunes(folk.abc_files()):
        try:
            scores[found.name] = folk.read_erk_abc(found.text)
        except ValueError as error:
            left_out[found.name] = str(error)
    return scores, left_out


@pytest.fixture(scope="module")
def folk_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACH_TF_HOME", str(tmp_path_factory.mktemp("home")))
        return folk.prepare()


def test_the_collection_as_it_comes_with_music21(folk_folder):
    manifest = prepared.read_manifest(folk_folder)
    pieces = prepared.read_prepared(folk_folder)
    assert {split: len(scores) for split, scores in pieces.items()} == {
        "train": 1410, "valid": 177, "test": 177
    }  # fmt: skip
    assert len(manifest["left_out"]) == 17
    assert all("a triplet was lost" in reason for reason in manifest["left_out"].values())
    scores = [score for split in pieces.values() for score in split]
    assert all(score.voices == 1 and score.title and score.time_signature for score in scores)
    assert all(score.key_signature is not None for score in scores)
    assert sum(len(score) for score in scores) == 81935
    assert manifest["pitch_range"] == [48, 83]
    assert not any("[" in score.title for score in scores)


def test_a_known_tune_of_the_collection(embedded):
    score = embedded[0]["E0001"]
    assert score.title == "ES FREIT EIN WILDER WASSERMANN"
    assert (score.key_signature, score.time_signature, score.upbeat) == (-1, (2, 4), 2)
    assert notes_of(score)[:8] == [
        (0, 2, 60), (2, 2, 65), (4, 2, 65), (6, 2, 65), (8, 2, 67), (10, 2, 69), (12, 2, 67),
        (14, 4, 65),
    ]  # fmt: skip


def test_no_variant_is_in_two_splits(embedded, folk_folder):
    split_of = splits_by_name(prepared.read_manifest(folk_folder))
    for group in tune_groups.variant_groups(embedded[0]):
        assert len({split_of[name] for name in group}) == 1
    by_number = {}
    for name, split in split_of.items():
        by_number.setdefault(re.match(r"[A-Z]\d+", name)[0], set()).add(split)
    assert all(len(splits) == 1 for splits in by_number.values())


def test_groups_are_many_and_small(embedded):
    sizes = [len(group) for group in tune_groups.variant_groups(embedded[0])]
    assert len(sizes) == 1532
    assert max(sizes) == 14  # children's songs on three notes


def test_music21_reads_the_same(embedded):
    from music21 import converter

    path = next(path for path in folk.abc_files() if path.name == "erk5.abc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        streams = converter.parse(path, forceSource=True).scores
    compared = 0
    for stream, found in zip(streams, folk.find_abc_tunes([path]), strict=True):
        if found.name not in embedded[0]:
            continue
        ours = embedded[0][found.name]
        notes = music21_notes(stream)
        if not re.search(r"[=_^]", found.text.partition("K:")[2]):
            assert notes == notes_of(ours), found.name
            compared += 1
        # It lets some accidentals end before the bar line, where the same tunes in **kern do not.
        assert len(notes) == len(ours)
        assert [note[:2] for note in notes] == [note[:2] for note in notes_of(ours)], found.name
    assert compared >= 5


def music21_notes(stream):
    notes = []
    for note in stream.flatten().notes:
        onset, steps = int(note.offset * 4), int(note.quarterLength * 4)
        if notes and note.tie is not None and note.tie.type != "start":
            notes[-1] = (notes[-1][0], notes[-1][1] + steps, notes[-1][2])
        else:
            notes.append((onset, steps, note.pitch.midi))
    return notes


def test_the_same_songs_in_both_notations(embedded, real_data):
    in_abc = embedded[0]
    same, other = 0, []
    for found in folk.find_kern_members(real_data / "erk_kern.zip"):
        number = folk.KERN_NUMBER.search(found.text)[1]
        try:
            score = folk.read_erk_kern(found.text)
        except ValueError:
            continue
        if number in in_abc and in_abc[number].title.upper() == score.title.upper():
            if notes_of(in_abc[number]) == notes_of(score):
                same += 1
            else:
                other.append(number)
    # The files differ here: an octave or an accidental of one note, a rest, a whole key.
    assert other == ["E0383", "E0819", "E0982", "E1052", "E1422", "L0087"]
    assert same == 1672


def test_the_collection_in_kern(real_data, home):
    made = folk.prepare(real_data / "erk_kern.zip")
    pieces = prepared.read_prepared(made)
    left_out = prepared.read_manifest(made)["left_out"]
    assert sum(map(len, pieces.values())) + len(left_out) == 1700
    assert len(left_out) == 18
    assert sum("sixteenths only" in reason for reason in left_out.values()) == 17
    shares = [len(pieces[split]) / 1682 for split in ("train", "valid", "test")]
    assert np.allclose(shares, (0.8, 0.1, 0.1), atol=0.01)


def test_the_split_is_the_same_each_time(folk_folder, home):
    again = folk.prepare()
    assert again != folk_folder
    assert (again / "manifest.json").read_bytes() == (folk_folder / "manifest.json").read_bytes()


@pytest.mark.parametrize("text", ["3/7", "999/4", "0/4", "4/0", "256/1"])
def test_a_metre_that_nothing_can_write_is_none(text):
    assert read_meter(text) is None
    assert read_meter("255/1") == (255, 1)
