"""Lists of notes, and the corpora that are made of MIDI files."""

import io
import itertools
import json
import os
import shutil
import struct
import tarfile
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from bach_tf._basics.replacing import sha256_of
from bach_tf.corpora import CORPORA, read_manifest, read_prepared
from bach_tf.corpora.cello import ARCHIVE as CELLO
from bach_tf.corpora.cello import dances_of, title_of
from bach_tf.corpora.mozart import ARCHIVE as MOZART
from bach_tf.corpora.preparation import prepared
from bach_tf.corpora.preparation.midi_files import find_midi_files, read_midi_files, split_by_group
from bach_tf.corpora.preparation.splits import deal
from bach_tf.formats.midi import read_midi, write_midi
from bach_tf.formats.notes_csv import read_notes_csv, write_notes_csv
from bach_tf.formats.rendition import Rendition
from bach_tf.score import TIMINGS, Part, Score

SPLITS = ("train", "valid", "test")
HEADER = b"onset,duration,pitch,velocity,voice\n"
ROW = b"0,4,60,80,0\n"
MIDI_CORPORA = {"cello": CELLO, "mozart": MOZART, "performance": MOZART}
BROKEN = {
    "text": (b"this is not music\n", "expected a MIDI file, got: one that begins with b'this is '"),
    "empty": (b"", "expected a MIDI file, got: an empty file"),
    "truncated": (None, "expected a MIDI file, got: one without a track"),  # see `broken`
    "no_unit": (
        b"MThd" + struct.pack(">LHHH", 6, 1, 0, 0xE700),
        "expected a MIDI file, got: one of an unknown unit of time, 0xE700",
    ),
    "no_notes": (
        b"MThd" + struct.pack(">LHHH", 6, 1, 0, 480) + b"MTrk\0\0\0\4\0\xff\x2f\0",
        "expected notes, got none",
    ),
}


def piece(number=0, **about):
    """Return a score of its own for each number."""
    return Score.from_grid([[60], [64], [60 + number]], **about)


def write_files(folder, names):
    """Write a MIDI file for each name, all of different notes."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_midi(piece(number), folder / name)
    return folder


def broken(kind, folder):
    """Write a file that cannot be read; return its path."""
    content, _ = BROKEN[kind]
    if content is None:
        write_midi(piece(), folder / "whole")
        content = (folder / "whole").read_bytes()[:14]
        (folder / "whole").unlink()
    path = folder / f"{kind}.mid"
    path.write_bytes(content)
    return path


# Lists of notes as CSV.


@pytest.fixture
def csv_of(tmp_path):
    """Read the bytes of a CSV file."""

    def read(content):
        path = tmp_path / "prelude.csv"
        path.write_bytes(content)
        return read_notes_csv(path)

    return read


def test_a_list_of_notes_is_as_people_write_it(tmp_path):
    write_notes_csv(tmp_path / "notes.csv", [[0, 4, 60, 80, 0], [4, 12, 67, 127, 1]])
    assert (tmp_path / "notes.csv").read_bytes() == HEADER + ROW + b"4,12,67,127,1\n"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (HEADER + ROW, [[0, 4, 60, 80, 0]]),
        (b"\xef\xbb\xbf" + (HEADER + ROW).replace(b"\n", b"\r\n") + b"\n", [[0, 4, 60, 80, 0]]),
        (HEADER + b" 0,04 , 60,80,0", [[0, 4, 60, 80, 0]]),
        (HEADER + b"9" * 18 + b",1,127,1,255\n", [[10**18 - 1, 1, 127, 1, 255]]),
        (HEADER, []),
    ],
    ids=["plain", "BOM CRLF", "blanks", "bounds", "no notes"],
)
def test_accepted(csv_of, content, rows):
    notes = csv_of(content)
    assert (notes.dtype, notes.shape) == (np.int64, (len(rows), 5))
    assert notes.tolist() == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": expected a header and rows of notes, got an empty file"),
        (ROW, ":1: expected the header onset,duration,pitch,velocity,voice, got 0,4,60,80,0"),
        (HEADER + ROW + b"0,4,60,80\n", r":3: expected 5 values \(onset, .*, voice\), got 4"),
        (HEADER + b"\n" + ROW, r":2: expected 5 values \(.*\), got 0"),
        (
            HEADER + b"-1,4,60,80,0\n",
            ":2: expected a whole number of at least 0 for onset, got '-1'",
        ),
        (HEADER + b"0,0,60,80,0\n", ":2: .* of at least 1 for duration, got '0'"),
        (HEADER + b"0,4,C4,80,0\n", r":2: .* in 0\.\.127 for pitch, got 'C4'"),
        (HEADER + b"0,4,128,80,0\n", r":2: .* in 0\.\.127 for pitch, got '128'"),
        (HEADER + b"0,4,60,0,0\n", r":2: .* in 1\.\.127 for velocity, got '0'"),
        (HEADER + ROW + b"0,4,60,80,256\n", r":3: .* in 0\.\.255 for voice, got '256'"),
        (HEADER + b"0.5,4,60,80,0\n", r":2: .* for onset, got '0\.5'"),
        (HEADER + b"0,,60,80,0\n", ":2: .* for duration, got ''"),
        (HEADER + "٦,4,60,80,0\n".encode(), ":2: .* for onset, got '٦'"),
        (HEADER + b"0,4,60\x1d,80,0\n", r":2: .* for pitch, got '60\\x1d'"),
        (HEADER + "0,4,60\u00a0,80,0\n".encode(), r":2: .* for pitch, got '60\\xa0'"),
        (HEADER + b"9" * 5000 + b",4,60,80,0\n", ":2: .* for onset, got '9{40}'"),
        (HEADER + b"\xff\n", ":2: expected a CSV file in UTF-8, got .*0xff"),
    ],
)
def test_bad_rows_are_located(csv_of, content, message):
    with pytest.raises(ValueError, match=rf"^prelude\.csv{message}"):
        csv_of(content)


# Prepared folders of lists of notes.


NOTES = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.integers(1, 50),
        st.integers(0, 127),
        st.integers(0, 255),
        st.integers(1, 127),
    ),
    max_size=8,
)


NUMBERS = st.none() | st.integers(0, 127)
PARTS = st.lists(st.builds(Part, st.text(max_size=9), NUMBERS, NUMBERS, NUMBERS), max_size=2)


@st.composite
def scores(draw, steps_per_quarter):
    notes = draw(NOTES)
    columns = dict(zip(("onset", "duration", "pitch", "voice", "velocity"), zip(*notes)))
    columns = columns or dict.fromkeys(("onset", "duration", "pitch", "voice", "velocity"), ())
    return Score(
        **columns,
        length=250 + draw(st.integers(0, 9)),
        steps_per_quarter=steps_per_quarter,
        title=draw(st.text(max_size=10)),
        key_signature=draw(st.none() | st.integers(-7, 7)),
        timing=draw(st.sampled_from(TIMINGS)),
        tempi=draw(st.sampled_from([(), [(0, 90)], [(4, 60.5), (250, 1e6 / 3)]])),
        metres=draw(st.sampled_from([(), [(0, 4, 4)], [(2, 3, 8), (200, 12, 16)]])),
        parts=draw(PARTS),
        upbeat=draw(st.integers(0, 9)),
        fermatas=tuple(draw(st.lists(st.integers(0, 250), max_size=3))),
    )


@given(st.data(), st.sampled_from([1, 4, 12, 100]))
def test_lists_of_notes_keep_everything(data, steps_per_quarter):
    kept = {split: {"a": data.draw(scores(steps_per_quarter))} for split in SPLITS}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "corpus"
        prepared.write_prepared(made, kept, layout="notes")
        assert prepared.is_intact(made)
        again = read_prepared(made)
    assert again == {split: [kept[split]["a"]] for split in SPLITS}


def pieces_of(*train, **about):
    names = {"train": train or ("a",), "valid": ["b"], "test": ["c"]}
    return {split: {name: piece(**about) for name in names[split]} for split in SPLITS}


def test_a_prepared_list_of_notes_is_plain_files(tmp_path):
    pieces = pieces_of(steps_per_quarter=12, title="Prelude")
    left_out = {"x.mid": "no notes"}
    prepared.write_prepared(tmp_path / "made", pieces, layout="notes", left_out=left_out)
    assert (tmp_path / "made/train/a.csv").read_text() == (
        "onset,duration,pitch,velocity,voice\n0,1,60,80,0\n1,1,64,80,0\n2,1,60,80,0\n"
    )
    manifest = json.loads((tmp_path / "made/manifest.json").read_text())
    about = {name: manifest[name] for name in ("format", "layout", "steps_per_quarter")}
    assert about == {"format": prepared.FORMAT, "layout": "notes", "steps_per_quarter": 12}
    assert (manifest["pitch_range"], manifest["left_out"]) == ([60, 64], left_out)
    assert (manifest["pieces"][0]["length"], manifest["pieces"][0]["title"]) == (3, "Prelude")


def test_all_scores_are_on_one_grid(tmp_path):
    pieces = pieces_of(steps_per_quarter=12)
    pieces["test"]["d"] = piece(steps_per_quarter=24)
    with pytest.raises(ValueError, match=r"Expected 12 steps per quarter .*Received: 24 in test/d"):
        prepared.write_prepared(tmp_path / "made", pieces, layout="notes")
    with pytest.raises(ValueError, match=r"Expected 4 steps .*'grid'\. Received: 12 in train/a"):
        prepared.write_prepared(tmp_path / "made", pieces)
    assert not any(tmp_path.iterdir())


def test_there_are_two_layouts(tmp_path):
    with pytest.raises(ValueError, match=r"Unknown layout 'chords'\. Choose from: grid, notes\."):
        prepared.write_prepared(tmp_path / "made", pieces_of(), layout="chords")


def test_a_note_beyond_the_end_is_said_with_its_file(tmp_path):
    prepared.write_prepared(tmp_path / "made", pieces_of(), layout="notes")
    (tmp_path / "made/valid/b.csv").write_bytes(HEADER + b"2,2,60,80,0\n")
    with pytest.raises(ValueError, match=r"^b\.csv: .*`length`=3 steps\. .* ends at step 4"):
        read_prepared(tmp_path / "made")
    (tmp_path / "made/valid/b.csv").write_bytes(HEADER + ROW + b"0\n")
    with pytest.raises(ValueError, match=r"^b\.csv:3: "):
        read_prepared(tmp_path / "made")


def test_a_name_that_is_no_text_is_kept(home):
    title = os.fsdecode(b"Pr\xe9lude")
    made = prepared.prepare(
        "corpus", lambda: prepared.Collection(pieces_of(title, title=title), "notes")
    )
    assert prepared.is_intact(made)
    assert read_prepared(made)["train"][0].title == title


def test_what_is_left_out_is_said_once(home, capsys):
    left_out = {f"{name}.mid": "no notes" for name in "wxyz"}
    build = lambda: prepared.Collection(pieces_of(), left_out=left_out)  # noqa: E731
    made = prepared.prepare("corpus", build)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        "4 of 7 pieces left out:\n"
        "  w.mid: no notes\n  x.mid: no notes\n  y.mid: no notes\n  z.mid: no notes\n"
    )
    assert read_manifest(made)["left_out"] == left_out
    prepared.prepare("corpus", build)
    assert capsys.readouterr().err == ""


def test_nothing_left_out_is_nothing_said(home, capsys):
    prepared.prepare("corpus", lambda: prepared.Collection(pieces_of()))
    assert capsys.readouterr().err == ""


# Finding, reading and splitting MIDI files.


def test_files_are_found_at_any_depth_by_names_of_their_own(tmp_path):
    files = ["b.mid", "sub/a.MIDI", "sub/b.Mid", "x/y/c.mid", "x/C.mid", "x-c.mid", "x-y-c.midi"]
    for name in [*files, "._b.mid", "notes.txt", "mid"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.mid").mkdir()
    found = find_midi_files(tmp_path)
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "b": "b.mid",
        "a": "sub/a.MIDI",
        "sub-b": "sub/b.Mid",
        "x-C": "x/C.mid",
        "x-y-c": "x/y/c.mid",
        "x-c-2": "x-c.mid",
        "x-y-c-2": "x-y-c.midi",
    }
    assert len({name.casefold() for name in found}) == len(found)


def test_names_begin_where_the_files_differ(tmp_path):
    for name in ("all/one/p.mid", "all/two/p.mid", "all/two/p.midi"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(find_midi_files(tmp_path)) == ["one-p", "two-p", "two-p-2"]


def test_a_folder_without_midi_files(tmp_path):
    with pytest.raises(ValueError, match=r"Expected MIDI files \(\.mid, \.midi\) in .*, got none"):
        find_midi_files(tmp_path)


@pytest.mark.parametrize("kind", BROKEN)
def test_one_bad_file_of_eleven_is_left_out(tmp_path, kind):
    write_files(tmp_path, [f"{number}.mid" for number in range(10)])
    broken(kind, tmp_path)
    read, left_out = read_midi_files(find_midi_files(tmp_path), read_midi)
    assert set(read) == set(map(str, range(10)))
    ((name, reason),) = left_out.items()
    assert (name, BROKEN[kind][1] in reason) == (f"{kind}.mid", True)
    assert not reason.startswith(name)  # it is said once


def test_one_of_ten_is_a_tenth_and_two_are_too_many(tmp_path):
    write_files(tmp_path, [f"{number}.mid" for number in range(9)])
    broken("text", tmp_path)
    assert len(read_midi_files(find_midi_files(tmp_path), read_midi)[0]) == 9
    (tmp_path / "8.mid").unlink()
    broken("empty", tmp_path)
    with pytest.raises(
        ValueError,
        match=r"at most a tenth .* to be bad, got 2 bad of 10: empty\.mid: expected a MIDI file, "
        r"got: an empty file; text\.mid: .*instead of b'MThd'\. Repair them or remove them",
    ):
        read_midi_files(find_midi_files(tmp_path), read_midi)


def test_no_good_file_is_too_few(tmp_path):
    for kind in BROKEN:
        broken(kind, tmp_path)
    with pytest.raises(ValueError, match=r"got 5 bad of 5: .*; .*; .*; and others\. Repair"):
        read_midi_files(find_midi_files(tmp_path), read_midi)


def test_a_copy_is_left_out_whatever_its_name(tmp_path):
    write_files(tmp_path, ["a.mid", "b.mid", "c.mid"])
    shutil.copy(tmp_path / "b.mid", tmp_path / "copy.mid")
    write_midi(piece(0, title="another title"), tmp_path / "d.midi", Rendition(tempo_qpm=60))
    read, left_out = read_midi_files(find_midi_files(tmp_path), read_midi)
    assert set(read) == {"a", "b", "c"}
    assert left_out == {
        "copy.mid": "the same notes as b.mid",
        "d.midi": "the same notes as a.mid",
    }


@given(st.integers(3, 60))
def test_groups_stay_together(count):
    pieces = {f"{number}-{part}": piece() for number in range(count) for part in range(2)}
    split = split_by_group(pieces, (0.8, 0.1, 0.1), lambda name: name.partition("-")[0])
    assert tuple(split) == SPLITS
    assert all(split.values())
    assert Counter(itertools.chain(*split.values())) == Counter(list(pieces))
    groups = [{name.partition("-")[0] for name in names} for names in split.values()]
    assert sum(map(len, groups)) == count


@pytest.mark.parametrize(
    ("shares", "sizes"), [((0.8, 0.1, 0.1), (16, 2, 2)), ((0.7, 0.15, 0.15), (14, 3, 3))]
)
def test_shares_are_met(shares, sizes):
    dealt = deal(range(20), shares)
    assert tuple(map(len, dealt.values())) == sizes
    assert dealt == deal(range(19, -1, -1), shares)
    assert dealt != deal(range(20), shares, seed=1)


def test_too_few_to_split():
    pieces = {name: piece() for name in ("a1", "a2", "b1", "b2")}
    with pytest.raises(ValueError, match=r"at least 3 groups of MIDI files to split, got 2\."):
        split_by_group(pieces, (0.8, 0.1, 0.1), lambda name: name[0])
    with pytest.raises(ValueError, match=r"at least 3 MIDI files to split, got 1\."):
        split_by_group({"a": piece()}, (0.8, 0.1, 0.1))


# The suites' names.


def test_titles_and_groups_of_the_suites():
    names = [
        "BWV1012_07_Gique",
        "BWV1008_05_MenuetI",
        "BWV1008_06_MenuetII",
        "cs1-1pre",
        "Élégie I",
    ]
    assert [title_of(name) for name in names] == [
        "BWV 1012: Gigue",
        "BWV 1008: Menuet I",
        "BWV 1008: Menuet II",
        "cs1-1pre",
        "Élégie I",
    ]
    assert dances_of(names[1]) == dances_of(names[2]) != dances_of("BWV1009_05_MenuetI")
    assert [dances_of(name) for name in names[3:]] == names[3:]


# The corpora, of the user's own files.


@pytest.mark.parametrize("name", MIDI_CORPORA)
def test_a_folder_of_ones_own(name, home, tmp_path, capsys):
    mine = write_files(tmp_path / "mine", [f"{number}.mid" for number in range(20)])
    broken("text", mine)
    made = CORPORA[name].prepare(mine)
    assert made.parent == home
    assert made.name.startswith(f"{name}-")
    said = "1 of 21 pieces left out:\n  text.mid: expected a MIDI file"
    assert said in capsys.readouterr().err
    manifest = read_manifest(made)
    assert manifest["layout"] == "notes"
    assert manifest["steps_per_quarter"] == (100 if name == "performance" else 12)
    read = read_prepared(made)
    sizes = (16, 2, 2) if name == "cello" else (14, 3, 3)
    assert tuple(map(len, read.values())) == sizes
    assert sorted(score.title for score in itertools.chain(*read.values())) == sorted(
        str(number) for number in range(20)
    )

    assert CORPORA[name].prepare(mine) == made
    (mine / "text.mid").unlink()
    assert CORPORA[name].prepare(mine) != made
    assert capsys.readouterr().err == ""


def test_dances_in_pairs_are_in_one_split(home, tmp_path):
    pairs = [f"BWV{1000 + suite}_05_Menuet{which}" for suite in range(12) for which in ("I", "II")]
    made = CORPORA["cello"].prepare(
        write_files(tmp_path / "mine", [f"{name}.mid" for name in pairs])
    )
    for read in read_prepared(made).values():
        suites = Counter(score.title.partition(":")[0] for score in read)
        assert set(suites.values()) == {2}


def test_the_same_sonatas_are_in_the_same_splits(home, tmp_path):
    mine = write_files(tmp_path / "mine", [f"{number}.mid" for number in range(20)])
    splits = [
        {split: [score.title for score in read] for split, read in read_prepared(made).items()}
        for made in (CORPORA["mozart"].prepare(mine), CORPORA["performance"].prepare(mine))
    ]
    assert splits[0] == splits[1]


def test_expressive_timing_is_kept(home, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    for number in range(3):  # at 60 quarter notes per minute a sixteenth is a quarter of a second
        write_midi(piece(number + 1), mine / f"{number}.mid", Rendition(tempo_qpm=60))
    (score,) = read_prepared(CORPORA["performance"].prepare(mine))["train"]
    assert score.onset.tolist() == [0, 31, 62]
    assert score.length == round(3 * 0.25 * 125)


@pytest.mark.parametrize("name", MIDI_CORPORA)
def test_mistakes_in_the_folder(name, home, tmp_path):
    with pytest.raises(ValueError, match=r"absent does not exist\. Expected a folder of pieces"):
        CORPORA[name].prepare(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"Expected pieces .* in .*empty, as .*\. Got none"):
        CORPORA[name].prepare(tmp_path / "empty")
    write_files(tmp_path / "two", ["a.mid", "b.mid"])
    with pytest.raises(ValueError, match=r"at least 3 different pieces .* to split, got 2 in"):
        CORPORA[name].prepare(tmp_path / "two")
    assert not home.exists() or not any(home.iterdir())


# The corpora, of their archives.


@pytest.fixture
def small_archive(tmp_path, monkeypatch):
    """Write an archive of a few files in the place of a corpus's own; return its path."""

    def write(corpus, members):
        known = MIDI_CORPORA[corpus]
        path = tmp_path / "downloads" / known.name
        path.parent.mkdir()
        with tarfile.open(path, "w:gz") as tar:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        small = replace(known, sha256=sha256_of(path))
        monkeypatch.setattr(f"bach_tf.corpora.{corpus}.ARCHIVE", small)
        return path

    return write


@pytest.fixture
def members(tmp_path):
    written = write_files(tmp_path / "written", [f"{number}.mid" for number in range(10)])
    return {f"sonatas/{path.name}": path.read_bytes() for path in written.iterdir()}


@pytest.mark.parametrize("name", MIDI_CORPORA)
def test_the_archive_or_its_folder_is_the_corpus(name, home, small_archive, members):
    path = small_archive(name, members)
    for source in (path, path.parent):
        assert CORPORA[name].prepare(source) == home / name
        assert sum(map(len, read_prepared(home / name).values())) == 10
        shutil.rmtree(home)
    # Unpacked it is the user's own.
    with tarfile.open(path) as tar:
        tar.extractall(path.parent / "unpacked", filter="data")
    assert CORPORA[name].prepare(path.parent / "unpacked").name.startswith(f"{name}-")


@pytest.mark.parametrize("name", ["mozart", "performance"])
def test_a_download_is_kept_in_the_cache(name, home, monkeypatch, small_archive, members):
    path = small_archive(name, members)
    asked = []

    def retrieve(url, known_hash, *, fname, path=None, kept=path):
        asked.append((url, fname, Path(path)))
        return str(kept)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    for _ in range(2):
        assert CORPORA[name].prepare() == home / name
    assert asked == [(MOZART.url, "mozart_sonatas.tar.gz", home / "downloads")]


def test_the_cached_suites_need_no_folder(home, small_archive, members):
    made = CORPORA["cello"].prepare(small_archive("cello", members))
    assert CORPORA["cello"].prepare() == made


@pytest.mark.parametrize("name", ["mozart", "performance"])
@pytest.mark.parametrize("error", [requests.ConnectionError, requests.HTTPError, OSError])
def test_without_a_network_it_says_what_to_do(name, home, monkeypatch, error):
    def retrieve(*args, **kwargs):
        raise error("no route")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(
        ValueError, match=rf"Could not download {MOZART.url} \({error.__name__}\)"
    ) as e:
        CORPORA[name].prepare()
    assert "--data-dir mozart_sonatas.tar.gz" in str(e.value)
    assert "--data-dir FOLDER" in str(e.value)
    assert not (home / name).exists()


def test_the_suites_cannot_be_downloaded_and_it_says_what_to_do(home):
    with pytest.raises(ValueError, match=r"^cello_suites\.tar\.gz has no public address\.") as e:
        CORPORA["cello"].prepare()
    for part in (
        "cs1-1pre.mid and 35 others",
        "http://www.jsbach.net/midi/",
        "--data-dir FOLDER",
    ):
        assert part in str(e.value)
    assert "--data-dir cello_suites.tar.gz" in str(e.value)


@pytest.mark.parametrize("name", MIDI_CORPORA)
def test_another_file_is_not_the_archive(name, home, tmp_path):
    archive = MIDI_CORPORA[name]
    wrong = tmp_path / archive.name
    wrong.write_bytes(b"<html>404</html>")
    for source in (wrong, tmp_path):
        with pytest.raises(ValueError, match=rf"{archive.name}: .* SHA-256 {archive.sha256}, got"):
            CORPORA[name].prepare(source)
    assert not home.exists()


def test_an_archive_that_reaches_out_writes_nothing(home, tmp_path, small_archive, members):
    path = small_archive("mozart", {**members, "../../evil.mid": b"x"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=r"inside the folder, got '\.\./\.\./evil\.mid'"):
        CORPORA["mozart"].prepare(path)
    assert sorted(tmp_path.rglob("*")) == before


# The real archives.


@pytest.mark.parametrize(
    ("name", "pieces", "notes", "lowest", "highest"),
    [
        ("cello", (34, 4, 4), (13_449, 1_938, 1_924), 36, 79),
        ("mozart", (14, 3, 3), (93_674, 18_237, 14_172), 29, 91),
        ("performance", (14, 3, 3), (93_670, 18_237, 14_172), 29, 91),
    ],
)
def test_the_real_archives(real_data, home, capsys, name, pieces, notes, lowest, highest):
    if not (real_data / MIDI_CORPORA[name].name).is_file():
        pytest.skip(f"no {MIDI_CORPORA[name].name} in BACH_TF_TEST_DATA")
    made = CORPORA[name].prepare(real_data)
    assert made == home / name
    assert capsys.readouterr().err == ""  # nothing is left out
    read = read_prepared(made)
    assert tuple(map(len, read.values())) == pieces
    assert tuple(sum(map(len, scores)) for scores in read.values()) == notes
    assert read_manifest(made)["pitch_range"] == [lowest, highest]


def test_the_real_suites_are_told_apart(real_data):
    if not (real_data / CELLO.name).is_file():
        pytest.skip(f"no {CELLO.name} in BACH_TF_TEST_DATA")
    with tarfile.open(real_data / CELLO.name) as tar:
        names = [Path(name).stem for name in tar.getnames() if name.endswith(".mid")]
    assert (len(names), len(set(map(dances_of, names)))) == (42, 36)
    assert sum(title_of(name).startswith("BWV 10") for name in names) == 42
