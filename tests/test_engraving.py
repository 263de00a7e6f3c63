import re
from xml.etree import ElementTree

import numpy as np
import pytest

from bach_tf import engraving
from bach_tf.corpora import CORPORA, read_prepared
from bach_tf.engraving import WIDTH, write_svg
from bach_tf.musicxml import to_musicxml
from bach_tf.score import Score

SVG = "{http://www.w3.org/2000/svg}"
CHORALE = [[72, 67, 64, 48]] * 4 + [[71, 65, 62, 55]] * 4


def drawn(score, tmp_path, **style):
    write_svg(score, tmp_path / "a.svg", **style)
    return ElementTree.parse(tmp_path / "a.svg").getroot()


def of_class(picture, name):
    return [
        group for group in picture.iter(f"{SVG}g") if group.get("class", "").split()[:1] == [name]
    ]


def text_of(picture):
    return " ".join(" ".join(text.itertext()) for text in picture.iter(f"{SVG}text")).split()


def height_of(picture):
    return int(picture.get("height"))


def test_four_voices_stand_on_two_staves(tmp_path):
    picture = drawn(Score.from_grid(CHORALE), tmp_path, voice_names=("S", "A", "T", "B"))
    assert len(of_class(picture, "system")) == 1
    assert len(of_class(picture, "staff")) == 2
    assert len(of_class(picture, "layer")) == 4
    assert {"S", "A", "T", "B"} <= set(text_of(picture))


def test_stems_go_up_and_down_by_voice(tmp_path):
    picture = drawn(Score.from_grid(CHORALE), tmp_path)
    for layer, up in zip(of_class(picture, "layer"), (True, False, True, False)):
        for note in of_class(layer, "note"):
            head = int(
                re.search(r"translate\(\d+, (\d+)\)", ElementTree.tostring(note, "unicode"))[1]
            )
            stem = next(of_class(note, "stem")[0].iter(f"{SVG}path")).get("d")  # M x y L x y
            ends = [int(number) for number in re.findall(r"\d+", stem)][1::2]
            assert (min(ends) < head - 300) == up
            assert (max(ends) > head + 300) != up


def test_a_single_voice_has_one_staff(tmp_path):
    picture = drawn(Score.from_grid([[60]] * 4 + [[62]] * 4), tmp_path)
    assert len(of_class(picture, "staff")) == 1
    assert [(n.get("data-pname"), n.get("data-oct")) for n in of_class(picture, "note")] == [
        ("c", "4"),
        ("d", "4"),
    ]


def test_the_title_and_the_tempo_are_read(tmp_path):
    title = "Wachet auf & <mehr> \x07"
    words = text_of(drawn(Score.from_grid(CHORALE, title=title), tmp_path, tempo_qpm=72))
    assert words[:5] == ["Wachet", "auf", "&", "<mehr>", "?"]
    assert "72" in words


def test_a_long_title_fits(tmp_path):
    picture = drawn(Score.from_grid(CHORALE, title="W" * 300), tmp_path)
    size = float(picture.find(f"{SVG}text").get("font-size"))
    assert 300 * size * engraving.LETTER_WIDTH <= WIDTH + 300 * 0.05


def test_a_picture_is_as_tall_as_its_systems(tmp_path):
    short = drawn(Score.from_grid(CHORALE), tmp_path)
    long = drawn(Score.from_grid(CHORALE * 36), tmp_path)
    assert short.get("width") == long.get("width") == str(WIDTH)
    systems = len(of_class(long, "system"))
    assert systems > 2
    assert height_of(short) < 350
    assert height_of(short) * systems * 0.4 < height_of(long) < height_of(short) * systems


def test_pages_are_joined_without_losing_a_bar(tmp_path, monkeypatch):
    score = Score.from_grid(CHORALE * 36, title="Long")
    whole = drawn(score, tmp_path)
    monkeypatch.setitem(engraving.OPTIONS, "pageHeight", 800)
    joined = drawn(score, tmp_path)
    pages = joined.findall(f"{SVG}svg")
    assert len(whole.findall(f"{SVG}svg")) == 1
    assert len(pages) > 2
    for name in ("measure", "note"):
        assert len(of_class(joined, name)) == len(of_class(whole, name)) > 0
    # Each page begins where the one above it ends, and the last one ends with the picture.
    tops = [int(page.get("y")) for page in pages]
    ends = [top + int(page.get("height")) for top, page in zip(tops, pages)]
    assert tops[1:] == ends[:-1]
    assert ends[-1] == height_of(joined)


def test_the_same_score_gives_the_same_picture(tmp_path):
    score = Score.from_grid(CHORALE, title="One")
    drawn(score, tmp_path)
    first = (tmp_path / "a.svg").read_bytes()
    drawn(score, tmp_path)
    assert (tmp_path / "a.svg").read_bytes() == first


@pytest.mark.parametrize(
    "score",
    [
        Score.from_grid(np.zeros((0, 1), int)),
        Score.from_grid([[0]] * 5),
        Score.from_grid([[60 + voice for voice in range(10)]] * 33),
        Score.from_grid([[127, 1]] * 7, time_signature=(3, 32), upbeat=1, key_signature=-7),
    ],
)
def test_any_score_can_be_drawn(score, tmp_path, capfd):
    picture = drawn(score, tmp_path)
    assert len(of_class(picture, "system")) >= 1
    assert capfd.readouterr() == ("", "")


def test_a_real_chorale_is_one_picture(tmp_path, real_data, monkeypatch):
    monkeypatch.setenv("BACH_TF_HOME", str(tmp_path))
    score = read_prepared(CORPORA["jsb"](real_data / "jsb_chorales.tgz"))["valid"][0]
    picture = drawn(score, tmp_path)
    assert len(picture.findall(f"{SVG}svg")) == 1
    assert height_of(picture) < 1500
    music = ElementTree.fromstring(to_musicxml(score).encode())
    assert len(of_class(picture, "note")) == len(list(music.iter("pitch"))) > len(score)


def test_a_style_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match=r"`program` must be in 0..127. Received: 128"):
        write_svg(Score.from_grid([[60]]), tmp_path / "a.svg", program=128)
    with pytest.raises(ValueError, match=r"`tempo_qpm` must be in 4..1000. Received: 1"):
        write_svg(Score.from_grid([[60]]), tmp_path / "a.svg", tempo_qpm=1)
    assert not (tmp_path / "a.svg").exists()
