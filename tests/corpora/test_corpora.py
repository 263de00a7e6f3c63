import io
import itertools
import json
import operator
import os
import shutil
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bach_tf.corpora import CORPORA, folder, jsb, piece_paths, read_manifest, read_prepared
from bach_tf.corpora.preparation import archives, prepared
from bach_tf.formats.grid_csv import HIGHEST_PITCH, LOWEST_PITCH, read_grid_csv, write_grid_csv
from bach_tf.formats.midi import write_midi
from bach_tf.score import Score

HEADER = b"note0,note1,note2,note3\n"
ROW = b"72,67,60,48\n"
EXPECTED = r"expected 4 pitches \(0 or 21\.\.108\), got"
SPLITS = ("train", "valid", "test")


def hidden_in(home):
    """Return what a build that failed or was interrupted may leave behind."""
    return sorted(path.name for path in home.glob(".*"))


def bytes_of(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def one_piece(**about):
    return Score.from_grid([[72, 67, 60, 48]] * 4, **about)


def pieces_of(**names):
    return {split: {name: one_piece() for name in names.get(split, ())} for split in SPLITS}


def collection_of(**names):
    return prepared.Collection(pieces_of(**names))


def change_manifest(root, **entries):
    path = root / prepared.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


# Grids as CSV.


@pytest.fixture
def csv_of(tmp_path):
    """Read the bytes of a CSV file."""

    def read(content):
        path = tmp_path / "chorale_012.csv"
        path.write_bytes(content)
        return read_grid_csv(path)

    return read


@given(
    arrays(
        np.int32,
        st.tuples(st.integers(1, 20), st.just(4)),
        elements=st.just(0) | st.integers(LOWEST_PITCH, HIGHEST_PITCH),
    )
)
def test_grid_to_csv_and_back(grid):
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "grid.csv"
        write_grid_csv(path, grid)
        again = read_grid_csv(path)
    assert again.dtype == np.int32
    np.testing.assert_array_equal(again, grid)


def test_a_file_is_as_people_write_it(tmp_path):
    write_grid_csv(tmp_path / "grid.csv", [[72, 67, 60, 48], [0, 21, 108, 0]])
    assert (tmp_path / "grid.csv").read_bytes() == HEADER + b"72,67,60,48\n0,21,108,0\n"


@pytest.mark.parametrize(
    "content",
    [
        HEADER + ROW,
        HEADER + ROW.strip(),
        HEADER + ROW + b"\n\n , \n",
        b"\xef\xbb\xbf" + HEADER + ROW,
        (HEADER + ROW).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + (HEADER + ROW).replace(b"\n", b"\r\n"),
        b" note0, note1 ,note2,note3\n 72, 67,60 ,048\n",
        b'"note0","note1","note2","note3"\n"72","67","60","48"\n',
        (HEADER + ROW).replace(b",", b";"),
        b"\xef\xbb\xbf" + (HEADER + ROW).replace(b",", b"\t").replace(b"\n", b"\r\n"),
    ],
    ids=[
        "plain",
        "no last line end",
        "blank end",
        "BOM",
        "CRLF",
        "BOM CRLF",
        "blanks",
        "quotes",
        "semicolons",
        "BOM tabs CRLF",
    ],
)
def test_accepted(csv_of, content):
    assert csv_of(content).tolist() == [[72, 67, 60, 48]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": expected a header and rows of pitches, got an empty file"),
        (b"\n\n", ": expected a header and rows of pitches, got an empty file"),
        (HEADER, ": expected at least one row of pitches, got the header only"),
        (ROW, ":1: expected the header note0,note1,note2,note3, got 72,67,60,48"),
        (b"a,b\n" + ROW, ":1: expected the header note0,note1,note2,note3, got a,b"),
        (HEADER + ROW + b"72,67,60\n", f":3: {EXPECTED} 3"),
        (HEADER + b"72,67,60,48,43\n", f":2: {EXPECTED} 5"),
        (HEADER + ROW.replace(b",", b";"), f":2: {EXPECTED} 1"),
        (HEADER + b"\n" + ROW, f":2: {EXPECTED} 0"),
        (HEADER + ROW + b"72,C4,60,48\n", f":3: {EXPECTED} 'C4'"),
        (HEADER + b"72,NaN,60,48\n", f":2: {EXPECTED} 'NaN'"),
        (HEADER + b"72,,60,48\n", f":2: {EXPECTED} ''"),
        (HEADER + b"72,67.0,60,48\n", f":2: {EXPECTED} '67.0'"),
        (HEADER + b"72,6_7,60,48\n", f":2: {EXPECTED} '6_7'"),
        (HEADER + "72,٦٧,60,48\n".encode(), f":2: {EXPECTED} '٦٧'"),
        (HEADER + b"72,67,60,20\n", f":2: {EXPECTED} '20'"),
        (HEADER + b"109,67,60,48\n", f":2: {EXPECTED} '109'"),
        (HEADER + b"72,67,-60,48\n", f":2: {EXPECTED} '-60'"),
        (HEADER + b"72,67,1,48\n", f":2: {EXPECTED} '1'"),
        (HEADER + b"9" * 5000 + b",67,60,48\n", f":2: {EXPECTED} '9{{40}}'"),
        (HEADER + b"72,67,60,\xe9\n", ":2: expected a CSV file in UTF-8, got .*0xe9"),
        (b"\xff\xfe" + (HEADER + ROW).decode().encode("utf-16-le"), ":1: expected .* UTF-8, got"),
        (HEADER + ROW + b"1" * 200_000 + b"\n", ":3: expected short cells, got field larger"),
        (HEADER + ROW + b"60," * 200_000 + b"\n", f":3: {EXPECTED} 200001$"),
        (b"60," * 200_000 + b"\n" + ROW, r":1: expected the header .*, got [\d,]{80} \.\.\. \(6"),
        (HEADER + b"72,60.5,60,48\n", f":2: {EXPECTED} '60.5'"),
        (HEADER + b"72,67\x1d,60,48\n", f":2: {EXPECTED} '67.x1d'"),
        (HEADER + b"72,1e3,60,48\n", f":2: {EXPECTED} '1e3'"),
        (HEADER + b"72,1e400,60,48\n", f":2: {EXPECTED} '1e400'"),
        (HEADER + b"72,inf,60,48\n", f":2: {EXPECTED} 'inf'"),
        (HEADER + b"72,\x00,60,48\n", f":2: {EXPECTED} '.x00'"),
        (b"note0;note1;note2;note3\n72;67;60\n", f":2: {EXPECTED} 3"),
    ],
)
def test_bad_rows_are_located(csv_of, content, message):
    with pytest.raises(ValueError, match=rf"^chorale_012\.csv{message}"):
        csv_of(content)


# Prepared folders.


def test_a_prepared_corpus_keeps_what_grids_cannot_say(tmp_path):
    about = {
        "title": "BWV 269: Aus meines Herzens Grunde, “é”",
        "key_signature": -3,
        "metres": ((0, 3, 4),),
        "upbeat": 4,
        "fermatas": (8, 20),
    }
    pieces = pieces_of(train=["b"], valid=["c"], test=["d"])
    pieces["train"]["a"] = one_piece(**about)
    prepared.write_prepared(tmp_path / "corpus", pieces)
    scores = read_prepared(tmp_path / "corpus")
    assert scores == {split: [pieces[split][n] for n in sorted(pieces[split])] for split in SPLITS}
    assert scores["train"][0].title == about["title"]
    assert scores["train"][1].key_signature is None
    assert prepared.is_intact(tmp_path / "corpus")


def test_a_prepared_corpus_is_plain_files(tiny_folder, tiny_pieces):
    files = [path.relative_to(tiny_folder).as_posix() for path in bytes_of(tiny_folder)]
    assert files == [
        "manifest.json",
        "test/minor.csv",
        "test/upbeat.csv",
        "train/half_bar.csv",
        "train/rests.csv",
        "train/two_lines.csv",
        "valid/cadence.csv",
        "valid/passing.csv",
    ]
    manifest = json.loads((tiny_folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["format"] == prepared.FORMAT
    assert (manifest["layout"], manifest["steps_per_quarter"]) == ("grid", 4)
    assert manifest["left_out"] == {}
    assert "length" not in manifest["pieces"][0]
    assert manifest["pitch_range"] == [36, 79]
    assert [entry["file"] for entry in manifest["pieces"]] == [
        "train/half_bar.csv",
        "train/rests.csv",
        "train/two_lines.csv",
        "valid/cadence.csv",
        "valid/passing.csv",
        "test/minor.csv",
        "test/upbeat.csv",
    ]
    assert manifest["pieces"][0]["pitch_range"] == [43, 67]
    assert [path.name for path in piece_paths(tiny_folder, "valid")] == [
        "cadence.csv",
        "passing.csv",
    ]
    scores = list(itertools.chain(*read_prepared(tiny_folder).values()))
    by_title = operator.attrgetter("title")
    assert sorted(scores, key=by_title) == sorted(tiny_pieces, key=by_title)


def test_a_piece_of_silence_has_the_widest_range(tmp_path):
    pieces = pieces_of()
    pieces["train"]["silence"] = Score.from_grid(np.zeros((4, 4), int))
    prepared.write_prepared(tmp_path / "corpus", pieces)
    assert prepared.read_manifest(tmp_path / "corpus")["pitch_range"] == [21, 108]
    assert read_prepared(tmp_path / "corpus")["train"] == list(pieces["train"].values())


def test_other_people_may_read_a_prepared_corpus(tmp_path):
    prepared.write_prepared(tmp_path / "corpus", pieces_of())
    assert (tmp_path / "corpus").stat().st_mode & 0o777 == 0o755


def test_absent_is_built_and_intact_is_not_built_again(home):
    builds = []

    def build():
        builds.append(1)
        return collection_of(train=["a"])

    made = prepared.prepare("corpus", build)
    assert made == home / "corpus"
    assert prepared.prepare("corpus", build) == made
    assert len(builds) == 1
    assert hidden_in(home) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / "train" / "a.csv").write_bytes(HEADER),
        lambda root: (root / "train" / "a.csv").unlink(),
        lambda root: shutil.rmtree(root / "train"),
        lambda root: (root / "manifest.json").unlink(),
        lambda root: (root / "manifest.json").write_text('{"format": '),
        lambda root: (root / "manifest.json").write_text("[]"),
        lambda root: (root / "manifest.json").write_text("{}"),
        lambda root: (root / "manifest.json").write_text('{"format": 2, "pieces": []}'),
        lambda root: change_manifest(root, format=1),
        lambda root: change_manifest(root, layout="chords"),
        lambda root: change_manifest(root, pieces=[{}]),
        lambda root: (root / "manifest.json").write_bytes(b"\xff"),
    ],
)
def test_damaged_is_built_again(home, damage):
    made = prepared.prepare("corpus", lambda: collection_of(train=["a"]))
    (made / "stray").write_text("from an older layout")
    damage(made)
    assert not prepared.is_intact(made)
    assert prepared.prepare("corpus", lambda: collection_of(train=["a"], test=["b"])) == made
    assert prepared.is_intact(made)
    assert not (made / "stray").exists()
    assert hidden_in(home) == []


def test_a_build_that_fails_leaves_nothing(home):
    def build():
        raise ValueError("no network")

    with pytest.raises(ValueError, match="no network"):
        prepared.prepare("corpus", build)
    assert not home.exists() or not any(home.iterdir())


def test_a_piece_that_cannot_be_written_leaves_nothing_and_touches_nothing(home):
    bad = pieces_of(train=["a"])
    bad["valid"]["five"] = Score.from_grid([[60] * 5])
    with pytest.raises(ValueError, match=r"at most 4 voices\. Received: 5"):
        prepared.write_prepared(home / "corpus", bad)
    assert not any(home.iterdir())

    prepared.write_prepared(home / "corpus", pieces_of(train=["a"]))
    before = bytes_of(home)
    with pytest.raises(ValueError, match="at most 4 voices"):
        prepared.write_prepared(home / "corpus", bad)
    assert bytes_of(home) == before
    assert hidden_in(home) == []


def test_processes_that_build_at_once_agree(home):
    def prepare(_):
        return prepared.prepare("corpus", lambda: collection_of(train=["a", "b"]))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(prepare, range(16))) == {home / "corpus"}
    assert prepared.is_intact(home / "corpus")
    assert hidden_in(home) == []


def test_another_process_may_put_its_copy_first(home, monkeypatch):
    replace, pieces = os.replace, pieces_of(train=["a"])

    def late(source, target):
        monkeypatch.setattr(os, "replace", replace)
        prepared.write_prepared(home / "corpus", pieces)
        replace(source, target)

    monkeypatch.setattr(os, "replace", late)
    prepared.write_prepared(home / "corpus", pieces)
    assert prepared.is_intact(home / "corpus")
    assert hidden_in(home) == []


def test_the_copy_of_another_process_may_be_moved_aside_by_a_third(home, monkeypatch):
    replace, pieces, refused = os.replace, pieces_of(train=["a"]), []

    def busy(source, target):
        if target == home / "corpus" and len(refused) < 3:
            refused.append(source)
            raise OSError(39, "Directory not empty")
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    prepared.write_prepared(home / "corpus", pieces)
    assert prepared.is_intact(home / "corpus")
    assert len(refused) == 3
    assert hidden_in(home) == []


def test_a_folder_that_cannot_be_put_in_its_place_is_said(home, monkeypatch):
    def never(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", never)
    with pytest.raises(OSError, match="No space left on device"):
        prepared.write_prepared(home / "corpus", pieces_of(train=["a"]))


def test_another_process_may_clear_the_damaged_folder_first(home, monkeypatch):
    replace, pieces = os.replace, pieces_of(train=["a"])
    prepared.write_prepared(home / "corpus", pieces)

    def late(source, target):
        monkeypatch.setattr(os, "replace", replace)
        shutil.rmtree(home / "corpus")
        replace(source, target)

    monkeypatch.setattr(os, "replace", late)
    prepared.write_prepared(home / "corpus", pieces)
    assert prepared.is_intact(home / "corpus")
    assert hidden_in(home) == []


@pytest.mark.parametrize("content", [None, b"{", b"\xff", b"[]", b'{"format": 1, "pieces": []}'])
def test_a_folder_without_a_manifest_is_no_prepared_corpus(tmp_path, content):
    if content:
        (tmp_path / "manifest.json").write_bytes(content)
    for read in (prepared.read_manifest, read_prepared):
        with pytest.raises(ValueError, match=r"prepared corpus with a manifest\.json in .*Delete"):
            read(tmp_path)


def test_a_piece_that_was_edited_badly_is_named(tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "copy")
    (tmp_path / "copy" / "valid" / "passing.csv").write_bytes(HEADER + b"1,2,3,4\n")
    with pytest.raises(ValueError, match=r"^passing\.csv:2: "):
        read_prepared(tmp_path / "copy")


def test_the_cache_is_the_users_unless_told_otherwise(home, monkeypatch):
    assert prepared.cache_dir() == home
    monkeypatch.setenv("BACH_TF_HOME", "")
    assert prepared.cache_dir().name == "bach_tf"


# Archives.


@pytest.fixture
def tar_of(tmp_path):
    """Return the path of an archive of the given members."""

    def write(*members):
        path = tmp_path / "archive.tgz"
        with tarfile.open(path, "w:gz") as tar:
            for member in members:
                tar.addfile(member, io.BytesIO(b"x" * member.size))
        return path

    return write


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = 3 if kind == tarfile.REGTYPE else 0
    return info


def test_files_and_folders_are_unpacked(tar_of, tmp_path):
    made = tar_of(member("train", tarfile.DIRTYPE), member("train/a.csv"), member("./b.csv"))
    archives.extract_tar(made, tmp_path / "out")
    assert bytes_of(tmp_path / "out") == {
        tmp_path / "out" / "b.csv": b"xxx",
        tmp_path / "out" / "train" / "a.csv": b"xxx",
    }


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (member("/etc/passwd"), "members inside the folder, got '/etc/passwd'"),
        (member("../evil"), r"inside the folder, got '\.\./evil'"),
        (member("a/../../evil"), "inside the folder"),
        (member("..\\evil"), "inside the folder"),
        (member("\\evil"), "inside the folder"),
        (member("C:\\evil"), "inside the folder"),
        (member("C:evil"), "inside the folder"),
        (member("c:/evil"), "inside the folder"),
        (member("..", tarfile.DIRTYPE), "inside the folder"),
        (member("link", tarfile.SYMTYPE, "/etc"), "the special member 'link'"),
        (member("link", tarfile.SYMTYPE, "a"), "the special member 'link'"),
        (member("link", tarfile.LNKTYPE, "a"), "the special member 'link'"),
        (member("null", tarfile.CHRTYPE), "the special member 'null'"),
        (member("disk", tarfile.BLKTYPE), "the special member 'disk'"),
        (member("pipe", tarfile.FIFOTYPE), "the special member 'pipe'"),
    ],
)
def test_an_archive_that_reaches_out_is_refused(tar_of, tmp_path, bad, message):
    made = tar_of(member("a"), bad)
    with pytest.raises(ValueError, match=rf"^archive\.tgz: .*{message}.* Do not trust"):
        archives.extract_tar(made, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["archive.tgz"]


def test_what_is_no_archive(tar_of, tmp_path):
    content = tar_of(*(member(f"{number}") for number in range(20))).read_bytes()
    wrong = [b"", b"text", content[: len(content) // 2], content[:-30], b"\0" + content[1:]]
    for number, damaged in enumerate(wrong):
        path = tmp_path / f"{number}.tgz"
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"^{number}\.tgz: expected a tar archive, got: "):
            archives.extract_tar(path, tmp_path / "out")
    with pytest.raises(ValueError, match=r"^absent\.tgz: expected a tar archive, got: "):
        archives.extract_tar(tmp_path / "absent.tgz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# A folder of the user's.


@pytest.fixture
def flat(tmp_path):
    """Return a folder with as many different pieces as asked for."""

    def write(count, name="mine"):
        root = tmp_path / name
        root.mkdir()
        for number in range(count):
            grid = [[72, 67, 60, 48], [60 + number, 59, 55, 43]]
            write_grid_csv(root / f"piece_{number:02}.csv", grid)
        return root

    return write


def titles(made):
    return {
        split: [score.title for score in scores] for split, scores in read_prepared(made).items()
    }


def test_flat_files_are_split_the_same_way_each_time(home, flat, tmp_path):
    found = titles(folder.prepare(flat(10)))
    assert {split: len(names) for split, names in found.items()} == {
        "train": 6,
        "valid": 2,
        "test": 2,
    }
    assert sorted(itertools.chain(*found.values())) == [f"piece_{n:02}" for n in range(10)]
    # A literal: another order would mix the splits of earlier runs.
    assert found["test"] == ["piece_02", "piece_08"]
    shutil.rmtree(home)
    moved = (tmp_path / "mine").rename(tmp_path / "elsewhere")
    assert titles(folder.prepare(moved)) == found


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_files_cannot_be_split(home, flat, count):
    with pytest.raises(
        ValueError, match=rf"at least 3 different pieces of four .*, got {count} in"
    ):
        folder.prepare(flat(count))
    assert not (home / "mine").exists()


def test_split_folders_are_kept(home, tmp_path):
    root = tmp_path / "mine"
    for split in SPLITS:
        (root / split).mkdir(parents=True)
        write_grid_csv(root / split / f"of_{split}.csv", [[72, 67, 60, 48]])
    write_grid_csv(root / "beside.csv", [[72, 67, 60, 48]])
    assert titles(folder.prepare(root)) == {split: [f"of_{split}"] for split in SPLITS}


@pytest.mark.parametrize("exist", [True, False])
def test_empty_splits_are_named(home, flat, exist):
    root = flat(3)
    (root / "train").mkdir()
    (root / "piece_00.csv").rename(root / "train" / "a.csv")
    for split in SPLITS[1:] if exist else ():
        (root / split).mkdir()
    with pytest.raises(ValueError, match=r"got none in valid/, test/\. Put files there, or all"):
        folder.prepare(root)


def test_another_content_is_another_prepared_folder(home, flat):
    root = flat(3)
    first = folder.prepare(root)
    assert folder.prepare(root) == first
    (root / "notes.txt").write_text("not music")
    assert folder.prepare(root) == first
    write_grid_csv(root / "piece_00.csv", [[70, 67, 60, 48]])
    second = folder.prepare(root)
    (root / "piece_00.csv").rename(root / "renamed.csv")
    third = folder.prepare(root)
    assert len({first, second, third}) == 3
    assert all(made.parent == home and prepared.is_intact(made) for made in (first, second, third))


def test_a_bad_row_of_a_users_file_is_located(home, flat):
    root = flat(4)
    (root / "piece_02.csv").write_bytes(HEADER + ROW + b"72,67,60\n")
    left_out = read_manifest(folder.prepare(root))["left_out"]
    assert left_out == {"piece_02.csv": "row 3: expected 4 pitches (0 or 21..108), got 3"}


def test_mistakes_in_the_folder(home, tmp_path):
    (tmp_path / "file.csv").write_bytes(HEADER + ROW)
    (tmp_path / "empty").mkdir()
    mistakes = {
        None: r"needs --data-dir FOLDER",
        "absent": r"absent does not exist\. Expected a folder of pieces of four voices",
        "file.csv": r"file\.csv is a file\. Expected a folder of",
        "empty": r"Expected pieces of four voices .*empty, as \.csv, \.mid, .* files\. Got none",
    }
    for name, message in mistakes.items():
        with pytest.raises(ValueError, match=message):
            folder.prepare(tmp_path / name if name else None)


# The canonical chorales.


@pytest.fixture(scope="module")
def archive(real_data):
    path = real_data / jsb.ARCHIVE.name
    if not path.is_file():
        pytest.skip(f"no {jsb.ARCHIVE.name} in BACH_TF_TEST_DATA")
    return path


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory):
    root = tmp_path_factory.mktemp("unpacked") / "jsb_chorales"
    archives.extract_tar(archive, root)
    return root


def test_the_canonical_chorales(archive, home):
    scores = read_prepared(jsb.prepare(archive))
    assert {split: len(pieces) for split, pieces in scores.items()} == {
        "train": 229,
        "valid": 76,
        "test": 77,
    }
    steps = {split: sum(score.length for score in pieces) for split, pieces in scores.items()}
    assert steps == {"train": 55_228, "valid": 18_408, "test": 18_900}
    pitches = np.concatenate([s.pitch for pieces in scores.values() for s in pieces])
    assert (pitches.min(), pitches.max()) == (36, 81)
    assert scores["train"][0].title == "chorale_000"
    assert scores["train"][0].to_grid(4)[:3].tolist() == [[74, 70, 65, 58]] * 3


def test_the_archive_may_be_in_a_folder_or_unpacked(archive, unpacked, home, tmp_path):
    (tmp_path / "downloads").mkdir()
    shutil.copy(archive, tmp_path / "downloads")
    manifests = set()
    for source in (tmp_path / "downloads", unpacked, unpacked.parent):
        manifests.add((jsb.prepare(source) / "manifest.json").read_bytes())
        shutil.rmtree(home)
    assert len(manifests) == 1


def test_a_download_is_kept_in_the_cache(archive, home, monkeypatch):
    asked = []

    def retrieve(url, known_hash, *, fname, path):
        asked.append((url, known_hash, Path(path) / fname))
        return str(archive)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    for _ in range(2):
        assert jsb.prepare() == home / "jsb"
    kept = home / "downloads" / jsb.ARCHIVE.name
    assert asked == [(jsb.ARCHIVE.url, jsb.ARCHIVE.sha256, kept)]


def test_one_changed_note_is_not_the_canonical_corpus(unpacked, home, tmp_path):
    copy = shutil.copytree(unpacked, tmp_path / "changed")
    path = copy / "test" / "chorale_305.csv"
    grid = read_grid_csv(path)
    grid[0, 0] += 1
    write_grid_csv(path, grid)
    message = r"canonical 229 / 76 / 77 chorales, got 229 / 76 / 77 other pieces"
    with pytest.raises(ValueError, match=rf"changed: expected the {message}\..*--corpus folder"):
        jsb.prepare(copy)
    assert not (home / "jsb").exists()


def test_a_missing_piece_is_counted(unpacked, home, tmp_path):
    copy = shutil.copytree(unpacked, tmp_path / "fewer")
    next((copy / "train").iterdir()).unlink()
    with pytest.raises(ValueError, match="got 228 / 76 / 77 other pieces"):
        jsb.prepare(copy)


def test_another_file_is_not_the_archive(home, tmp_path):
    wrong = tmp_path / jsb.ARCHIVE.name
    wrong.write_bytes(b"<html>404</html>")
    sha256 = jsb.ARCHIVE.sha256
    message = rf"expected the file with SHA-256 {sha256}, got [0-9a-f]{{64}}\. Download it again"
    for source in (wrong, tmp_path):
        with pytest.raises(ValueError, match=message):
            jsb.prepare(source)
    assert not home.exists()


def test_a_folder_without_the_chorales(home, tmp_path):
    with pytest.raises(
        ValueError, match=r"absent.* does not exist\. Expected jsb_chorales\.tgz or"
    ):
        jsb.prepare(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"got none in train/, valid/, test/"):
        jsb.prepare(tmp_path / "empty")


@pytest.mark.parametrize("error", [requests.ConnectionError, requests.HTTPError, OSError])
def test_without_a_network_it_says_what_to_do(home, monkeypatch, error):
    def retrieve(*args, **kwargs):
        raise error("no route")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(
        ValueError, match=rf"Could not download {jsb.ARCHIVE.url} \({error.__name__}\)"
    ) as e:
        jsb.prepare()
    assert "--data-dir jsb_chorales.tgz" in str(e.value)
    assert "--corpus chorales" in str(e.value)
    assert not (home / "jsb").exists()


# The contract: every corpus.

# What each corpus is made from here. Those that take long to build have their own test file.
SOURCES = {
    "jsb": "archive",
    "folder": "tiny_folder",
    "cello": "midi_folder",
    "mozart": "midi_folder",
    "performance": "midi_folder",
}


@pytest.fixture
def midi_folder(tmp_path, tiny_pieces):
    """A folder of MIDI files of the tiny pieces."""
    made = tmp_path / "midi"
    made.mkdir()
    for score in tiny_pieces:
        write_midi(score, made / f"{score.title}.mid")
    return made


def test_every_corpus_is_tested():
    here = Path(__file__).parent
    elsewhere = {name for name in CORPORA if (here / f"test_corpora_{name}.py").exists()}
    assert "chorales" in elsewhere
    assert set(SOURCES) | elsewhere == set(CORPORA)


@pytest.mark.parametrize("name", SOURCES)
def test_every_corpus_splits_without_overlap(name, home, request):
    made = CORPORA[name].prepare(request.getfixturevalue(SOURCES[name]))
    assert made.parent == home
    assert prepared.is_intact(made)
    scores = read_prepared(made)
    assert tuple(scores) == SPLITS
    assert all(scores.values())
    files = [path.stem for split in SPLITS for path in piece_paths(made, split)]
    assert len(set(files)) == len(files)
    assert sum(map(len, scores.values())) == len(read_manifest(made)["pieces"])
    columns = operator.attrgetter("onset", "duration", "pitch")
    music = {s: {tuple(map(bytes, columns(score))) for score in scores[s]} for s in SPLITS}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not music[one] & music[other]


def test_capitals_and_a_macs_second_files_in_a_folder_of_ones_own(home, tmp_path, capsys):
    root = tmp_path / "mine"
    root.mkdir()
    for number, name in enumerate(("a.csv", "A.CSV", "b.Csv", os.fsdecode(b"Pr\xe9lude.csv"))):
        write_grid_csv(root / name, [[72, 67, 60, 48], [60 + number, 59, 55, 43]])
    (root / "._a.csv").write_bytes(b"\x00\x05")
    made = folder.prepare(root)
    names = sorted(path.stem.casefold() for split in SPLITS for path in piece_paths(made, split))
    assert sum(len(scores) for scores in read_prepared(made).values()) == 4
    assert len(names) == 4
    assert "1 skipped: ._a.csv: a resource fork written by macOS" in capsys.readouterr().err


def test_a_piece_with_a_name_of_300_characters_is_kept(tmp_path):
    score = Score.from_grid([[60, 55, 52, 48]], title="long")
    pieces = {"train": {"x" * 300: score, "x" * 300 + "y": score}, "valid": {}, "test": {}}
    prepared.write_prepared(tmp_path / "made", pieces)
    names = [path.name for path in piece_paths(tmp_path / "made", "train")]
    assert len(set(names)) == 2
    assert max(map(len, names)) < 143
    assert len(read_prepared(tmp_path / "made")["train"]) == 2
