"""What comes with music21, wherever that is installed."""

from types import SimpleNamespace

import pytest

from bach_tf.corpora import folk
from bach_tf.corpora.preparation import chorale_scores
from bach_tf.corpora.preparation.embedded import embedded_files


@pytest.fixture
def music21_below(monkeypatch):
    """Install a music21 of three files, and say where."""
    from music21 import common
    from music21.corpus import corpora

    def install(folder):
        for name in (
            "bach/bwv1.mxl",
            "bach/bwv2.rntxt",
            "demos/bach.abc",
            "essenFolksong/erk5.abc",
        ):
            path = folder / "music21" / "corpus" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        monkeypatch.setattr(common, "getCorpusFilePath", lambda: folder / "music21" / "corpus")
        monkeypatch.setattr(corpora.Corpus, "_pathsCache", {})

    return install


@pytest.mark.parametrize("above", ["music", "bach/bach_tf", "Bach", "essenFolksong", "bach.d/x"])
def test_a_folder_named_bach_above_does_not_make_all_files_bachs(tmp_path, music21_below, above):
    music21_below(tmp_path / above)
    assert [path.name for path in chorale_scores.chorale_files()] == ["bwv1.mxl"]
    assert [path.name for path in folk.abc_files()] == ["erk5.abc"]


def test_a_collection_that_is_not_there_is_said(tmp_path, music21_below):
    music21_below(tmp_path)
    with pytest.raises(
        ValueError, match=r"'verdi' in .*corpus.verdi, got no file. Reinstall music21"
    ):
        embedded_files("verdi")


def test_our_own_faults_are_not_hidden(monkeypatch):
    path = embedded_files("bach")[0]
    monkeypatch.setattr(chorale_scores, "_parsed", lambda path: SimpleNamespace())
    with pytest.raises(AttributeError):
        chorale_scores.read_chorale(path)


def test_a_file_of_several_pieces_is_no_score():
    path = next(path for path in folk.abc_files() if path.name == "erk5.abc")
    with pytest.raises(ValueError, match=r"^erk5\.abc: expected one score, got a music21 Opus$"):
        chorale_scores.read_chorale(path)
