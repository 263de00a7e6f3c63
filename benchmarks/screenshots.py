"""Pictures of the studio's page in each of its states, to be looked at.

    python -m benchmarks.screenshots
    python -m benchmarks.screenshots --folder pictures --url http://127.0.0.1:1685/

Needs Chromium (`apt-get install chromium`) and Playwright (`pip install playwright`), and takes a
minute or two: the shipped run harmonises a melody.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.studio_program import StudioProgram, find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path("build") / "screenshots"
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
TUNE = Path(__file__).parents[1] / "examples" / "new_britain.abc"
WORK_MS = 400_000
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
BROKEN = b"MThd\0\0\0\6\0\1"


class Photographer:
    """Someone who uses the page and takes pictures of it.

    Args:
        page: of Playwright.
        folder: for the pictures.
    """

    def __init__(self, page: Page, folder: Path):
        self.page = page
        self.folder = folder

    def take(self, name: str, whole: bool = False) -> None:
        """Take a picture, of what is in sight or of the whole page."""
        self.page.wait_for_timeout(800)
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=whole)
        print(self.folder / f"{name}.png")

    def open(self, url: str) -> None:
        """Open the page, and print when there is something to see."""
        self.page.goto(url)
        self.page.wait_for_selector("#sheet .measure")
        print(f"first paint after {self.page.evaluate(PAINT):.0f} ms")

    def melody(self) -> None:
        """Open the melody, as a file that is dropped or chosen would be."""
        self.page.set_input_files("#file", TUNE)
        self.page.wait_for_selector("#sheet .note")

    def work(self, kind: str) -> None:
        """Start a job and wait until it is done."""
        self.page.click(f"#{kind}")
        self.page.wait_for_selector("#progress")
        self.page.wait_for_selector("#progress", state="hidden", timeout=WORK_MS)


def photograph(page: Page, url: str, folder: Path) -> None:
    """Take a picture of each state on a desktop."""
    someone = Photographer(page, folder)
    someone.open(url)
    someone.take("empty")
    someone.melody()
    someone.take("melody")
    page.click("#harmonize")
    page.wait_for_selector("#progress")
    page.wait_for_timeout(1500)
    someone.take("working")
    page.wait_for_selector("#progress", state="hidden", timeout=WORK_MS)
    someone.take("harmonised")
    page.click("#compare")
    someone.take("compared")
    page.keyboard.press("Escape")
    page.click("[aria-label='Lock Bass']")
    page.click("#bar-buttons [data-bar='3']")
    page.click("#bar-buttons [data-bar='4']", modifiers=["Shift"])
    someone.take("locked")
    _photograph_the_rest(someone)


def _photograph_the_rest(someone: Photographer) -> None:
    page = someone.page
    someone.work("rewrite")
    page.click("#play")
    page.wait_for_selector("#play[data-state='playing']")
    page.wait_for_timeout(4000)
    someone.take("playing")
    page.keyboard.press("Escape")
    page.click("[data-view='closed']")
    someone.take("two_staves")
    page.click("[data-view='roll']")
    someone.take("piano_roll")
    page.click("[data-view='parts']")
    for name in ("save", "help", "new"):
        page.click(f"#{name}")
        someone.take(name)
        page.keyboard.press("Escape")
    page.emulate_media(color_scheme="dark")
    someone.take("dark")
    page.emulate_media(color_scheme="light")
    broken = {"name": "broken.mid", "mimeType": "audio/midi", "buffer": BROKEN}
    page.set_input_files("#file", broken)
    page.wait_for_selector(".message.error")
    someone.take("error")
    page.click(".message [aria-label='Dismiss']")
    page.set_viewport_size(PHONE)
    someone.take("phone", whole=True)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """Open a browser without a window."""
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for root
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=[*sandbox, "--mute-audio"])


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"default: {FOLDER}")
    parser.add_argument("--url", help="of a studio that runs; default: one of its own")
    args = parser.parse_args()
    path = find_chromium()
    if path is None:
        parser.error("there is no Chromium: apt-get install chromium")
    args.folder.mkdir(parents=True, exist_ok=True)
    with chromium(path) as browser, studio(args.url) as url:
        photograph(browser.new_page(viewport=DESKTOP), url, args.folder)
    return 0


@contextmanager
def studio(url: str | None) -> Iterator[str]:
    """Yield the address of a studio that is ready: that one, or a new one."""
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        program = StudioProgram(Path(folder))
        program.start()
        try:
            program.wait_for_model()
            yield program.url
        finally:
            program.stop()


if __name__ == "__main__":
    raise SystemExit(main())
