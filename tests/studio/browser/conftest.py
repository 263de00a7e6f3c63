"""A real server with the shipped run, and a real Chromium that opens its page."""

import json
import os
import time

import pytest

from benchmarks.studio_program import StudioProgram, find_chromium

KEY = "bach-tf-studio"


@pytest.fixture(scope="module")
def chromium():  # within a module: Playwright keeps an event loop running while it is open
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    path = find_chromium()
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium, or a package of your system")
    sandbox = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    flags = [*sandbox, "--autoplay-policy=user-gesture-required", "--mute-audio"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def studio(chromium, tmp_path_factory):
    program = StudioProgram(tmp_path_factory.mktemp("studio"))
    program.start()
    yield program
    program.stop()


class Visitor:
    """Someone at the page, who sees what it shows and hears what it says.

    Args:
        page: of Playwright.
    """

    def __init__(self, page):
        self.page = page
        self.complaints = []  # of the browser: errors, and what the page's policy refused
        self.hosts = set()
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda asked: self.hosts.add(asked.url.split("/")[2]))

    @property
    def state(self):
        """What the browser keeps for the page: the piece, the locks and the versions."""
        kept = self.page.evaluate("key => localStorage.getItem(key)", KEY)
        return json.loads(kept) if kept else None

    @property
    def notes(self):
        """The notes of the piece: onset, duration, pitch, voice."""
        return [tuple(note[:4]) for note in self.state["piece"]["notes"]]

    def voice(self, number):
        return [note for note in self.notes if note[3] == number]

    def shows(self, selector, timeout=60):
        return self.page.wait_for_selector(selector, timeout=1000 * timeout)

    def until(self, suits, timeout=60):
        """Wait until something suits."""
        end = time.monotonic() + timeout
        while not suits():
            assert time.monotonic() < end, f"not within {timeout} s"
            self.page.wait_for_timeout(50)

    @property
    def heads(self):
        return self.page.locator("#sheet .note .notehead").count()

    def bars(self):
        """Return the box of the highest staff of each bar: left, right, top, bottom."""
        return self.page.evaluate(
            """[...document.querySelectorAll('#sheet .measure')].map(measure => {
              const lines = [...measure.querySelector('.staff').children]
                .filter(child => child.tagName === 'path')
                .map(line => line.getBoundingClientRect());
              return [lines[0].left, lines[0].right, lines[0].top, lines[4].bottom]; })"""
        )

    def place(self, bar, beat, line):
        """Return where a beat of a bar of four is, and a line or space (0 is the lowest line)."""
        left, right, top, bottom = self.bars()[bar]
        music = self.page.evaluate(
            """bar => Math.max(...[...document.querySelectorAll('#sheet .measure')[bar]
              .querySelectorAll('.clef, .keySig, .meterSig')]
              .map(sign => sign.getBoundingClientRect().right), 0)""",
            bar,
        )
        begin = max(left, music)
        x = begin + (right - begin) * (beat + 0.3) / 4
        return x, bottom - line * (bottom - top) / 8

    def click(self, bar, beat, line):
        """Enter a note by a click, and wait until it is engraved."""
        before = self.heads
        self.page.mouse.click(*self.place(bar, beat, line))
        self.until(lambda: self.heads == before + 1)

    def type(self, keys):
        """Enter notes by their letters, and wait until all are engraved."""
        before = self.heads
        self.page.focus("#score")
        for key in keys:
            self.page.keyboard.press(key)
        self.until(lambda: self.heads == before + len(keys))

    def quick(self):
        """Ask for a single version, with few attempts: tests have no time."""
        self.page.select_option("#count", "1")
        self.page.select_option("#care", "8")

    def work(self, kind):
        """Start a job and wait until it is done."""
        self.page.click(f"#{kind}")
        self.shows("#progress")
        self.page.wait_for_selector("#progress", state="hidden", timeout=400_000)
        assert self.page.locator(".message.error").all_inner_texts() == []


@pytest.fixture
def open_page(chromium, studio):
    """Return a function that opens the page in a browser without a memory."""
    contexts = []

    def opened(width=1280, height=900, prepare=None, path="", **how):
        context = chromium.new_context(viewport={"width": width, "height": height}, **how)
        contexts.append(context)
        if prepare:
            context.add_init_script(prepare)
        visitor = Visitor(context.new_page())
        visitor.page.goto(studio.url + path)
        visitor.shows("#sheet svg .measure")
        return visitor

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def visitor(open_page):
    """Someone who opens the page; at the end, the browser has nothing to complain of."""
    someone = open_page()
    yield someone
    assert someone.complaints == []
    assert len(someone.hosts) == 1


@pytest.fixture
def writer(studio):
    """The studio, with its model loaded."""
    studio.wait_for_model()
    return studio
