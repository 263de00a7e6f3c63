from dataclasses import replace

import pytest

from bach_tf.corpora.preparation.embedded import embedded_files
from bach_tf.formats import read
from benchmarks import reading


def file_of(name, collection="bach"):
    return next(path for path in embedded_files(collection) if path.name == name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("original", "bwv101.7.mxl"),
        ("original", "bwv248.64-s.mxl"),
        ("musicxml", "bwv66.6.mxl"),
        ("again", "bwv248.64-s.mxl"),
        ("midi", "bwv101.7.mxl"),
        ("foreign", "bwv66.6.mxl"),
        ("kern", "bwv277.krn"),
    ],
)
def test_scores_of_music21_are_read_as_it_reads_them(kind, name, tmp_path):
    assert reading.KINDS[kind].compare(file_of(name), tmp_path) == [[]]


def test_tunes_of_music21_are_read_as_it_reads_them(tmp_path):
    path = file_of("0732-0758_bs.abc", "oneills1850")
    assert reading.tunes(path, tmp_path).count([]) >= 20


def test_voices_on_one_channel_are_told_apart():
    parts, notes, wrong = reading.channel(file_of("bwv112.5.mxl"))
    assert (parts, notes) == (4, 295)
    assert wrong <= 5


def test_what_differs_is_found():
    path = file_of("bwv66.6.mxl")
    score = read(path).score
    (stream,) = reading._streams(path)
    others = {
        "notes": replace(score, pitch=score.pitch + 1),
        "voices": replace(score, voice=3 - score.voice),
        "metre": replace(score, metres=((0, 3, 4),)),
        "upbeat": replace(score, upbeat=0),
        "key": replace(score, key_signature=0),
        "fermatas": replace(score, fermatas=()),
    }
    for name, other in others.items():
        assert reading.differences(other, stream) == [name]
