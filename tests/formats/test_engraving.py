import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.font_manager import fontManager

from bach_tf.corpora import CORPORA, read_prepared
from bach_tf.formats.engraving import drawing, pdf, svg, verovio_pages, write_pdf, write_svg
from bach_tf.formats.engraving.drawing import draw_page
from bach_tf.formats.engraving.svg import WIDTH
from bach_tf.formats.musicxml import to_musicxml
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Part, Score

AT_72 = Rendition(tempo_qpm=72)
SVG = "{http://www.w3.org/2000/svg}"
CHORALE = [[72, 67, 64, 48]] * 4 + [[71, 65, 62, 55]] * 4


PARTS = [Part(name) for name in "SATB"]


def drawn(score, tmp_path, rendition=PLAIN):
    write_svg(score, tmp_path / "a.svg", rendition)
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
    picture = drawn(Score.from_grid(CHORALE, parts=PARTS), tmp_path)
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
    words = text_of(drawn(Score.from_grid(CHORALE, title=title), tmp_path, Rendition(tempo_qpm=72)))
    assert words[:5] == ["Wachet", "auf", "&", "<mehr>", "?"]
    assert "72" in words


def test_a_long_title_fits(tmp_path):
    picture = drawn(Score.from_grid(CHORALE, title="W" * 300), tmp_path)
    size = float(picture.find(f"{SVG}text").get("font-size"))
    assert 300 * size * svg.LETTER_WIDTH <= WIDTH + 300 * 0.05


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
    monkeypatch.setitem(svg.PAGE, "pageHeight", 800)
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
        Score.from_grid([[127, 1]] * 7, metres=((0, 3, 32),), upbeat=1, key_signature=-7),
    ],
)
def test_any_score_can_be_drawn(score, tmp_path, capfd):
    picture = drawn(score, tmp_path)
    assert len(of_class(picture, "system")) >= 1
    assert capfd.readouterr() == ("", "")


def test_a_real_chorale_is_one_picture(tmp_path, real_data, monkeypatch):
    monkeypatch.setenv("BACH_TF_HOME", str(tmp_path))
    score = read_prepared(CORPORA["jsb"].prepare(real_data / "jsb_chorales.tgz"))["valid"][0]
    picture = drawn(score, tmp_path)
    assert len(picture.findall(f"{SVG}svg")) == 1
    assert height_of(picture) < 1500
    music = ElementTree.fromstring(to_musicxml(score).encode())
    assert len(of_class(picture, "note")) == len(list(music.iter("pitch"))) > len(score)


def test_a_style_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match=r"`program` must be in 0..127. Received: 128"):
        write_svg(Score.from_grid([[60]]), tmp_path / "a.svg", Rendition(program=128))
    with pytest.raises(ValueError, match=r"`tempo_qpm` must be in 4..1000. Received: 1"):
        write_svg(Score.from_grid([[60]]), tmp_path / "a.svg", Rendition(tempo_qpm=1))
    assert not (tmp_path / "a.svg").exists()


def test_a_single_voice_has_a_name_only_where_one_is_given(tmp_path):
    assert "voice" not in text_of(drawn(Score.from_grid([[60]] * 4), tmp_path))
    flute = Score.from_grid([[60]] * 4, parts=[Part("flute")])
    assert "flute" in text_of(drawn(flute, tmp_path))


def test_the_note_of_the_tempo_is_an_outline(tmp_path):
    drawn(Score.from_grid(CHORALE), tmp_path, Rendition(tempo_qpm=72))
    text = (tmp_path / "a.svg").read_text()
    assert "font-face" not in text
    assert verovio_pages.MUSIC_FONT not in text
    tempo = text[text.index('class="tempo"') :]
    note, words = re.search(
        r"translate\((\d+), \d+\).*?<text x=\"(\d+)\"", tempo, re.DOTALL
    ).groups()
    assert 100 < int(words) - int(note) < 400  # the words follow it


def test_a_last_bar_does_not_stand_alone(monkeypatch):
    score = Score.from_grid(([[72, 67, 64, 48]] * 4 + [[74, 67, 62, 47]] * 4) * 12)
    alone = verovio_pages._leaves_a_bar_alone
    assert not alone(verovio_pages.engrave(score, svg.PAGE, PLAIN)[-1])
    monkeypatch.setattr(verovio_pages, "SPACINGS", verovio_pages.SPACINGS[:1])
    assert alone(verovio_pages.engrave(score, svg.PAGE, PLAIN)[-1])


# Pages to print.


def pages_of(path):
    """Return the number of pages of a PDF file and the size of the first, in millimetres."""
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", content)
    return len(re.findall(rb"/Type /Page\b", content)), [float(n) / 72 * 25.4 for n in box.groups()]


def test_a_pdf_is_a4(tmp_path):
    write_pdf(Score.from_grid(CHORALE, title="One"), tmp_path / "a.pdf")
    number, size = pages_of(tmp_path / "a.pdf")
    assert number == 1
    assert size == pytest.approx([210, 297], abs=0.2)


def test_a_long_piece_has_several_pages(tmp_path):
    write_pdf(Score.from_grid([[60]] * 16 * 240), tmp_path / "a.pdf")
    assert pages_of(tmp_path / "a.pdf")[0] == 2


def test_the_same_score_gives_the_same_pdf(tmp_path):
    for name in ("a", "b"):
        write_pdf(Score.from_grid(CHORALE, title="One"), tmp_path / f"{name}.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


@pytest.mark.parametrize("title", ["", "Wachet auf & <mehr> $x^2$ \x07", "\u97f3\u697d", "W" * 300])
def test_any_title_can_be_printed(title, tmp_path, capfd):
    write_pdf(Score.from_grid(CHORALE, title=title), tmp_path / "a.pdf")
    assert pages_of(tmp_path / "a.pdf")[0] == 1
    assert capfd.readouterr() == ("", "")


def figure_of(score):
    page = verovio_pages.engrave(replace(score, parts=PARTS), pdf.PAGE, AT_72)[0]
    return draw_page(page, width_inches=8.27)


def test_all_that_verovio_draws_is_on_the_page():
    score = Score.from_grid(CHORALE, title="One")
    page = verovio_pages.engrave(score, pdf.PAGE, AT_72)[0]
    shapes = re.findall(r"<(use|rect|polygon|polyline|ellipse)\b", page)
    defined = page[page.index("<defs>") : page.index("</defs>")].count("<path")
    hidden = page.count("placeholder systemMilestone")  # each with one ellipse that none sees
    (axes,) = figure_of(score).axes
    assert len(axes.patches) == len(shapes) + page.count("<path") - defined - hidden
    assert {text.get_text().strip() for text in axes.texts} >= {"One", "S", "A", "T", "B", "72"}


def test_what_is_printed_lies_within_the_margins():
    figure = figure_of(Score.from_grid(CHORALE * 20, title="W" * 300))
    (axes,) = figure.axes
    width, height = (int(pdf.PAGE[name]) * 10 for name in ("pageWidth", "pageHeight"))
    for patch in axes.patches:
        left, top, right, bottom = patch.get_path().get_extents().extents
        assert 0.05 * width < left <= right < 0.95 * width
        assert 0.03 * height < top <= bottom < 0.97 * height
    for text in axes.texts:
        box = text.get_window_extent().transformed(axes.transData.inverted())
        assert 0.03 * width < box.x0 <= box.x1 < 0.97 * width


def test_staff_lines_are_where_verovio_has_them():
    page = verovio_pages.engrave(Score.from_grid([[60]] * 16), pdf.PAGE, AT_72)[0]
    margin = pdf.MARGIN_MM * pdf.TENTHS * 10
    found = re.findall(r'<path d="M(\d+) (\d+) L(\d+) (\d+)" stroke-width="', page)
    expected = {tuple(margin + int(number) for number in line) for line in found}
    figure = draw_page(page, width_inches=8.27)
    lines = {
        tuple(patch.get_path().vertices.ravel().round().astype(int))
        for patch in figure.axes[0].patches
        if len(patch.get_path().vertices) == 2
    }
    assert expected <= lines
    assert len(expected) >= 5


def test_fonts_that_a_list_of_matplotlib_lacks_are_found(monkeypatch):
    monkeypatch.setattr(fontManager, "ttflist", [])
    drawing.list_own_fonts.cache_clear()
    drawing.list_own_fonts()
    names = {font.name for font in fontManager.ttflist}
    assert {"STIXGeneral", "DejaVu Sans"} <= names
    drawing.list_own_fonts.cache_clear()
