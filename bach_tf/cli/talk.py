"""What a program says: to a person on a terminal, into a file, or to another program."""

from __future__ import annotations

import errno
import json
import math
import os
import sys
import threading
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bach_tf._basics.messages import shortened
from bach_tf._basics.process import (
    INTERRUPTED,
    lost_output,
    stopping_at_once,
    stopping_by_exception,
)
from bach_tf.cli.parser import USER_MISTAKE, short_name
from bach_tf.formats.reading import ReadingWarning
from bach_tf.formats.rendition import WritingWarning

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDEST_MESSAGE = 2000  # characters of what is wrong
FILE_WIDTH = 200  # of a table that no terminal shows: it may be as wide as it is

# A full disk, a quota, a limit on files; no permission, a read-only disk, a broken one.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO)
SECONDS_BETWEEN_LOOKS = 0.2  # for Ctrl-C

Update = Callable[[str], None]
Result = TypeVar("Result")


class Talk:
    """Where a program's words go.

    What it was asked for goes to standard output: tables and sentences, or file names alone
    (`quiet`), or one JSON object alone (`as_json`). What it is at goes to standard error, to a
    terminal only. Colours and moving lines are for terminals, and without colours where `NO_COLOR`
    is set: all of that rich finds out.

    Args:
        program: as it was called, for hints and messages.
        quiet: names of files alone.
        as_json: one JSON object alone.
        verbose: libraries print their own messages, between which no line can move.
    """

    def __init__(
        self,
        program: str = "bach-tf",
        *,
        quiet: bool = False,
        as_json: bool = False,
        verbose: bool = False,
    ):
        self.program = program
        self.quiet = quiet
        self.as_json = as_json
        self.verbose = verbose
        self.out = sys.stdout
        self.left_behind = False  # whether a thread still works on what was interrupted

    def sibling(self, command: str) -> str:
        """Return how another command is called, where this one was called as it was.

        Example:
            >>> Talk("bach-tf train").sibling("generate")
            'bach-tf generate'
            >>> Talk("python train.py").sibling("generate")
            'python generate.py'
        """
        return self.program.replace("train", command)

    @property
    def to_a_person(self) -> bool:
        """Whether tables and sentences are wanted."""
        return not (self.quiet or self.as_json)

    @property
    def keras_verbose(self) -> int:
        """How Keras shows a training: 0 is silence, 1 a bar, 2 a line for each epoch."""
        if self.quiet:
            return 0
        if self.as_json:
            return int(sys.stdout.isatty())  # which is standard error then
        # A bar that is redrawn has no place in a file.
        return 1 if sys.stdout.isatty() else 2

    def say(self, text: str) -> None:
        """Print a sentence for a person."""
        if self.to_a_person:
            print(text, flush=True)

    def show(self, picture: RenderableType) -> None:
        """Print a table of rich for a person."""
        if not self.to_a_person:
            return
        console = _console()
        if console.is_terminal:
            console.print(picture)
            return
        with console.capture() as text:
            console.print(picture)
        print("\n".join(line.rstrip() for line in text.get().splitlines()))

    @contextmanager
    def status(self, text: str, *, moves: bool = True) -> Iterator[Update]:
        """Show what the program is at while the block runs, on a terminal.

        Args:
            text: such as "Loading TensorFlow".
            moves: as a line that comes and goes, unless something else moves in the block.

        Yields:
            a function that replaces the text.
        """
        console = _console(stderr=True)
        if self.quiet or not console.is_terminal:
            yield lambda text: None
        elif self.verbose or not moves:
            print(text, file=sys.stderr)
            yield lambda text: print(text, file=sys.stderr)
        else:
            # The usual spinner is of characters that not every terminal has.
            spinner = "dots" if console.encoding.startswith("utf") else "line"
            with console.status(f"{text} ...", spinner=spinner) as line:
                yield lambda text: line.update(f"{text} ...")

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Show that TensorFlow is imported in the block; Ctrl-C ends the program there at once."""
        with self.status("Loading TensorFlow"), stopping_at_once():
            yield

    def finish(self, record: dict, paths: Sequence[str], closing: str | None = None) -> None:
        """Print the result in the requested format.

        Args:
            record: for JSON; see `plain`.
            paths: the files that were written.
            closing: the last sentence; `None` where all has been said.
        """
        text = closing
        if self.as_json:
            text = json.dumps(plain(record), indent=1)
        elif self.quiet:
            text = "\n".join(paths) or None
        if text is None:
            return
        print(text, file=self.out, flush=True)

    def interruptible(self, work: Callable[[], Result]) -> Result:
        """Return what `work()` returns; Ctrl-C does not wait for it.

        Python sees the signal only between steps of its own, and a whole piece is one call of a
        graph. So another thread makes the call, and is left behind.
        """
        outcome = Future()
        try:
            threading.Thread(target=_settle, args=(outcome, work), daemon=True).start()
            while not outcome.done():
                wait([outcome], SECONDS_BETWEEN_LOOKS)
        except KeyboardInterrupt:
            self.left_behind = True
            raise
        return outcome.result()

    def alone(self) -> AbstractContextManager:
        """Keep standard output free for `finish` where a program reads it.

        Whatever else is printed while the block runs, by a library perhaps, goes to standard error.
        """
        return nullcontext() if self.to_a_person else redirect_stdout(sys.stderr)


def run_program(name: str, work: Callable[[Namespace, Talk], int | None], args: Namespace) -> int:
    """Run a program's work; return its exit status.

    Args:
        name: of the program, as it was called.
        work: is called with the arguments and where to talk; returns the status if it is not 0.
        args: of which `quiet`, `json` and `verbose` are read here, where there are such.

    Returns:
        0, or what `work` returns; 2 after a user's mistake, or what the system refuses, which is
        printed without a traceback; 130 after Ctrl-C.
    """
    flags = {"quiet": "quiet", "as_json": "json", "verbose": "verbose"}
    talk = Talk(name, **{flag: getattr(args, name, False) for flag, name in flags.items()})
    try:
        with stopping_by_exception(), talk.alone(), saying_warnings(name):
            status = work(args, talk) or 0
            talk.out.flush()
    except (ValueError, OSError) as error:
        complain(name, error)
        return USER_MISTAKE
    except Exception as error:
        if not _is_of_the_system(error):
            raise  # a mistake of ours keeps its traceback
        complain(name, error)
        return USER_MISTAKE
    except KeyboardInterrupt as stop:
        print("\n" + " ".join(["Stopped.", *map(str, stop.args)]), file=sys.stderr, flush=True)
        if talk.left_behind:
            talk.out.flush()
            os._exit(INTERRUPTED)  # TensorFlow crashes where Python ends while it works
        return INTERRUPTED
    if lost := lost_output():
        complain(name, f"what is printed could not be written: {lost}")
        return USER_MISTAKE
    return status


@contextmanager
def saying_warnings(name: str) -> Iterator[None]:
    """Print what readers and writers warn of in the block, a line each, and no other warnings.

    Args:
        name: of the program.
    """
    with warnings.catch_warnings():
        for kind in (ReadingWarning, WritingWarning):
            warnings.simplefilter("always", kind)
        show = warnings.showwarning

        def say(message, category, *where, **more):
            if issubclass(category, (ReadingWarning, WritingWarning)):
                complain(name, str(message))
            else:
                show(message, category, *where, **more)

        warnings.showwarning = say
        yield


def complain(name: str, what: Exception | str) -> None:
    """Print what is wrong: a line or a few, short, and nothing that commands a terminal.

    Args:
        name: of the program.
        what: the error, or words.
    """
    lines = str(what)[:WIDEST_MESSAGE].splitlines() or [type(what).__name__]
    print(
        f"{short_name(name)}: " + "\n".join(shortened(line, None) for line in lines),
        file=sys.stderr,
    )


def plain(value: Any) -> Any:
    """Return a value as JSON can say it: what is no number is `null`, and a path is its name.

    Example:
        >>> plain({3: (float("nan"), Path("a.mid"))})
        {'3': [None, 'a.mid']}
    """
    if hasattr(value, "tolist"):  # of NumPy
        value = value.tolist()
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _is_of_the_system(error: Exception) -> bool:
    """Return whether TensorFlow has failed to write a file: it has errors of its own for that."""
    of_tensorflow = type(error).__module__.startswith("tensorflow.")
    return of_tensorflow and any(os.strerror(code) in str(error) for code in UNWRITABLE)


def _settle(outcome: Future, work: Callable[[], Result]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # all of them belong to the thread that waits
        outcome.set_exception(error)


def _console(stderr: bool = False) -> Console:
    """Return rich's console for a stream as it is now."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    return console
