"""The page of the studio, in a real browser with a real server."""

import pytest

from bach_tf.formats import read

TUNE = [(0, 0, 2, 67), (0, 1, 3, 69), (0, 2, 4, 71), (0, 3, 5, 72),
        (1, 0, 6, 74), (1, 1, 5, 72), (1, 2, 4, 71), (1, 3, 3, 69)]  # fmt: skip


def use_two_bars(visitor):
    visitor.page.fill("#bars", "2")
    visitor.page.keyboard.press("Tab")
    visitor.until(lambda: len(visitor.bars()) == 2)


def harmonised(visitor):
    """Write two bars by letters and have them harmonised."""
    use_two_bars(visitor)
    visitor.type("gabcdcbg")
    visitor.quick()
    visitor.work("harmonize")
    visitor.until(
        lambda: visitor.page.locator("#sheet .measure >> nth=0").locator(".staff").count() == 4
    )


def test_a_tune_is_clicked_harmonised_heard_and_taken_home(visitor, writer, tmp_path):
    use_two_bars(visitor)
    for bar, beat, line, _ in TUNE:
        visitor.click(bar, beat, line)
    tune = visitor.voice(0)
    assert [note[2] for note in tune] == [pitch for *_, pitch in TUNE]
    assert [note[0] for note in tune] == [0, 4, 8, 12, 16, 20, 24, 28]

    visitor.quick()
    visitor.work("harmonize")
    visitor.until(
        lambda: visitor.page.locator("#sheet .measure >> nth=0").locator(".staff").count() == 4
    )
    assert visitor.voice(0) == tune
    assert {note[3] for note in visitor.notes} == {0, 1, 2, 3}

    before = visitor.notes
    bass = visitor.voice(3)
    visitor.page.click("[aria-label='Lock Bass']")
    assert visitor.page.locator("#overlay .locked-cell").count() == 2
    visitor.page.click("#bar-buttons [data-bar='1']")
    visitor.page.click("#bar-buttons [data-bar='2']", modifiers=["Shift"])
    assert visitor.page.inner_text("#rewrite") == "Rewrite bars 1\N{EN DASH}2"
    visitor.page.select_option("#count", "2")
    visitor.work("rewrite")
    assert visitor.voice(3) == bass
    assert visitor.voice(0) == tune

    hear(visitor)
    visitor.page.click("#undo")
    assert visitor.notes == before

    visitor.page.click("#save")
    with visitor.page.expect_download() as download:
        visitor.page.click("[data-format='mid']")
    path = tmp_path / "home.mid"
    download.value.save_as(path)
    score = read(path).score
    columns = (score.onset, score.duration, score.pitch, score.voice)
    assert sorted(zip(*(column.tolist() for column in columns))) == sorted(before)


def hear(visitor):
    """Play, and see the cursor move while the sound runs."""
    visitor.page.click("#play")
    visitor.shows("#play[data-state='playing']")
    cursor = visitor.page.locator("#overlay .cursor")
    visitor.until(lambda: cursor.get_attribute("visibility") == "visible")
    first = float(cursor.get_attribute("x1"))
    visitor.until(lambda: float(cursor.get_attribute("x1")) > first + 5)
    visitor.page.click("#play")
    visitor.shows("#play[data-state='stopped']")


def test_everything_goes_by_keyboard_alone(visitor, writer):
    use_two_bars(visitor)
    visitor.quick()
    press = visitor.page.keyboard.press
    press("Home")
    visitor.page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        press("Tab")
        if visitor.page.evaluate("document.activeElement.id") == "score":
            break
    for key in "ga4bc6d":
        press(key)
    press("ArrowUp")
    press("+")
    said = visitor.page.inner_text("#said").strip()
    assert said == "F 5, half note, bar 1, beat 4"
    assert [note[:3] for note in visitor.notes][:4] == [
        (0, 4, 67),
        (4, 4, 69),
        (8, 2, 71),
        (10, 2, 72),
    ]
    press("Delete")
    press("5")
    press("r")
    press("c")
    assert visitor.notes[-1][:3] == (16, 4, 72)
    press("Control+z")
    assert visitor.notes[-1][:3] == (10, 2, 72)
    press("Control+Shift+z")
    press("Shift+ArrowLeft")
    visitor.shows("#selection")
    press("l")
    assert visitor.page.locator("#overlay .locked-cell").count() > 0
    press("h")
    visitor.shows("#progress")
    visitor.page.wait_for_selector("#progress", state="hidden", timeout=400_000)
    assert {note[3] for note in visitor.notes} == {0, 1, 2, 3}
    press("Space")
    visitor.shows("#play[data-state='playing']")
    press("Escape")
    visitor.shows("#play[data-state='stopped']")


def test_a_phone_has_room_for_all_of_it(open_page):
    visitor = open_page(width=390, height=844, has_touch=True, is_mobile=True)
    use_two_bars(visitor)
    x, y = visitor.place(0, 0, 2)
    visitor.page.locator("#score").scroll_into_view_if_needed()
    x, y = visitor.place(0, 0, 2)
    visitor.page.touchscreen.tap(x, y)
    visitor.until(lambda: visitor.heads == 1)
    assert visitor.notes == [(0, 4, 67, 0)]
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    beyond = visitor.page.evaluate(
        """[...document.querySelectorAll('button, select, input')].filter(each => {
          const box = each.getBoundingClientRect();
          return box.width > 1 && (box.left < 0 || box.right > 390.5); }).map(each => each.id)"""
    )
    assert beyond == []


def test_a_broken_file_says_what_is_wrong_and_leaves_the_piece(visitor):
    visitor.type("gab")
    before = visitor.notes
    broken = {"name": "tune.mid", "mimeType": "audio/midi", "buffer": b"MThd\0\0\0\6\0\1"}
    visitor.page.set_input_files("#file", broken)
    message = visitor.shows(".message.error").inner_text()
    assert "tune.mid" in message
    assert visitor.notes == before
    visitor.page.click(".message [aria-label='Dismiss']")
    assert visitor.page.locator(".message").count() == 0
    visitor.complaints.clear()  # the browser notes each refusal


def test_a_file_is_opened_and_can_be_undone(visitor):
    tune = b"X:1\nT:A tune\nM:3/4\nL:1/4\nK:G\nGAB|c2d|"
    visitor.page.set_input_files(
        "#file", {"name": "tune.abc", "mimeType": "text/plain", "buffer": tune}
    )
    visitor.until(lambda: visitor.heads == 5)
    assert visitor.page.input_value("#title") == "A tune"
    assert visitor.page.input_value("#metre") == "3/4"
    assert visitor.page.input_value("#key") == "1"
    visitor.page.click("#undo")
    visitor.until(lambda: visitor.heads == 0)


def test_cancelling_stops_the_work_and_changes_nothing(visitor, writer):
    visitor.type("gabcdcbg")
    before = visitor.notes
    visitor.page.select_option("#count", "4")
    visitor.page.select_option("#care", "96")
    visitor.page.click("#harmonize")
    visitor.shows("#progress")
    visitor.page.click("#cancel")
    visitor.page.wait_for_selector("#progress", state="hidden")
    assert visitor.notes == before
    writer.wait(lambda status: status["queue"] == 0, 10)
    visitor.complaints.clear()


def test_what_is_locked_does_not_change(visitor):
    visitor.type("gabc")
    before = visitor.notes
    visitor.page.click("#bar-buttons [data-bar='1']")
    visitor.page.click("#lock")
    visitor.page.click("#unselect")
    label = visitor.page.get_attribute("#bar-buttons [data-bar='1']", "aria-label")
    assert label == "Bar 1, locked: all voices"
    visitor.page.focus("#score")
    visitor.page.keyboard.press("Home")
    visitor.page.keyboard.press("a")
    assert "locked" in visitor.shows(".message").inner_text()
    assert visitor.notes == before


def test_a_link_holds_the_piece(visitor, open_page):
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.type("gab")
    visitor.page.click("#link")
    visitor.shows(".message.note")
    link = visitor.page.evaluate("navigator.clipboard.readText()")
    another = open_page(path="#" + link.split("#")[1])
    another.until(lambda: another.heads == 3)
    assert another.notes == visitor.notes
    assert "#" not in another.page.url
    damaged = open_page(path="#" + link.split("#")[1][:-20])
    assert "damaged" in damaged.shows(".message.error").inner_text()


def test_versions_can_be_heard_and_compared(visitor, writer):
    harmonised(visitor)
    visitor.page.click(".version >> nth=0 >> text=Before")
    visitor.until(lambda: {note[3] for note in visitor.notes} == {0})
    visitor.page.click(".version >> nth=1 >> button")
    visitor.shows("#play[data-state='playing']")
    assert {note[3] for note in visitor.notes} == {0, 1, 2, 3}
    visitor.page.click("[aria-label='Mute Soprano']")
    visitor.page.click("#play")
    visitor.page.click("#compare")
    visitor.until(lambda: visitor.page.locator("#compared .sheet > svg").count() == 2)
    visitor.page.keyboard.press("Escape")
    assert visitor.page.inner_text("#facts").startswith("Parallels")


def test_the_piano_roll_shows_the_same_and_can_be_written_in(visitor):
    visitor.type("gabc")
    visitor.page.click("[data-view='roll']")
    visitor.until(lambda: visitor.page.locator(".roll-note").count() == 4)
    box = visitor.page.locator(".roll-note >> nth=3").bounding_box()
    visitor.page.mouse.click(box["x"] + box["width"] * 1.1, box["y"] + box["height"] / 2)
    visitor.until(lambda: visitor.page.locator(".roll-note").count() == 5)
    assert visitor.notes[-1] == (16, 4, 72, 0)


SILENT = """window.opened = 0; const Real = window.AudioContext;
window.AudioContext = class extends Real { constructor() { super(); window.opened += 1; } };"""


def test_there_is_no_sound_before_the_first_click(open_page):
    visitor = open_page(prepare=SILENT)
    visitor.page.mouse.move(300, 300)
    assert visitor.page.evaluate("window.opened") == 0
    visitor.type("g")
    assert visitor.page.evaluate("window.opened") == 1


KEYBOARD = """window.keyboard = { name: "Toy piano" };
navigator.requestMIDIAccess = async () => ({ inputs: new Map([["1", window.keyboard]]) });"""


def test_a_midi_keyboard_enters_notes(open_page):
    visitor = open_page(prepare=KEYBOARD)
    visitor.page.click("#midi")
    assert "Toy piano" in visitor.shows(".message.note").inner_text()
    strike = "data => window.keyboard.onmidimessage({ data })"
    for data in ([0x90, 64, 70], [0x80, 64, 0], [0x90, 65, 70], [0x90, 65, 0]):
        visitor.page.evaluate(strike, data)
    visitor.until(lambda: visitor.heads == 2)
    assert [note[:3] for note in visitor.notes] == [(0, 4, 64), (4, 4, 65)]


def test_settings_belong_to_the_piece(visitor):
    visitor.type("fga")
    visitor.page.select_option("#key", "1")
    visitor.page.select_option("#metre", "3/4")
    visitor.page.select_option("#upbeat", "1")
    visitor.page.fill("#tempo", "100")
    visitor.page.keyboard.press("Tab")
    piece = visitor.state["piece"]
    assert piece["key_signature"] == 1
    assert piece["metres"] == [[0, 3, 4]]
    assert piece["upbeat"] == 4
    assert piece["tempi"] == [[0, 100]]
    assert [note[0] for note in visitor.notes] == [4, 8, 12]
    visitor.until(lambda: visitor.page.locator("#bar-buttons button").first.inner_text() == "0")


NAMELESS = """[...document.querySelectorAll('button, select, input:not([type=file])')]
  .filter(each => !(each.getAttribute('aria-label') || each.textContent.trim() ||
    [...(each.labels ?? [])].some(label => label.textContent.trim())))
  .map(each => each.outerHTML)"""


def test_all_controls_have_names(visitor):
    visitor.type("ga")
    assert visitor.page.evaluate(NAMELESS) == []
    assert visitor.page.get_attribute("#said", "aria-live") == "polite"
    assert visitor.page.locator("#said").inner_text().strip() == "A 4, quarter, bar 1, beat 2"


CONTRASTS = """(selectors) => selectors.map(selector => {
  const light = colour => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number)
    .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const element = document.querySelector(selector);
  let under = element;
  const clear = each => getComputedStyle(each).backgroundColor === 'rgba(0, 0, 0, 0)';
  while (clear(under)) under = under.parentElement;
  const [a, b] = [light(getComputedStyle(element).color),
    light(getComputedStyle(under).backgroundColor)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05); })"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(open_page, scheme):
    visitor = open_page(color_scheme=scheme)
    shown = ["h1", ".hint", "#harmonize", "#open", ".settings label", "#write", "#where"]
    contrasts = visitor.page.evaluate(CONTRASTS, shown)
    assert min(contrasts) >= 4.5


def test_the_page_outlives_its_server_and_its_work_begins_again(open_page, studio):
    visitor = open_page()
    visitor.type("gab")
    visitor.page.select_option("#count", "4")
    visitor.page.select_option("#care", "96")
    visitor.page.click("#harmonize")
    visitor.shows("#progress")
    studio.kill()
    assert "does not answer" in visitor.shows(".message.error").inner_text()
    visitor.page.focus("#score")
    visitor.page.keyboard.press("c")
    assert len(visitor.notes) == 4
    studio.start()
    visitor.page.wait_for_selector(".message.error", state="detached", timeout=60_000)
    visitor.until(lambda: visitor.heads == 4)
    studio.wait(lambda status: status["queue"] == 1, 60)
    visitor.page.click("#cancel")
    studio.wait(lambda status: status["queue"] == 0, 60)
    visitor.page.reload()
    visitor.until(lambda: visitor.heads == 4)
