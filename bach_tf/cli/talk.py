"""Output of a program: to a person at a terminal, a file, or another program."""

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

WIDEST_MESSAGE = 2000  # characters of an error message
FILE_WIDTH = 200  # of a table written to a file, where nothing limits it

# A full disk, a quota, a file size limit; no permission, a read-only disk, a broken one.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO)
SECONDS_BETWEEN_LOOKS = 0.2  # between checks for Ctrl-C

BAR = 24  # characters of a progress bar

Update = Callable[..., None]  # of a text, and of the fraction done if it is known
Result = TypeVar("Result")


class Talk:
    """The output of a program.

    Results go to standard output: tables and sentences, or only file names (`quiet`), or a single
    JSON object (`as_json`). Progress goes to standard error, if that is a terminal. Colours and
    animation are for terminals, and `NO_COLOR` is respected, which rich takes care of.

    Args:
        program: how it was called, for hints and messages.
        quiet: print only file names.
        as_json: print a single JSON object.
        verbose: libraries print their own messages, so nothing may be animated.
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
        self.left_behind = False  # whether a thread is still working after an interrupt

    def sibling(self, command: str) -> str:
        """Return how to call another command, in the same way as this one was called.

        Example:
            >>> Talk("bach-tf train").sibling("generate")
            'bach-tf generate'
            >>> Talk("python train.py").sibling("generate")
            'python generate.py'
        """
        before, _, own = self.program.rpartition(" ")
        return f"{before} {command}{'.py' if own.endswith('.py') else ''}"

    @property
    def to_a_person(self) -> bool:
        """Whether to print tables and sentences."""
        return not (self.quiet or self.as_json)

    @property
    def keras_verbose(self) -> int:
        """Keras' `verbose`: 0 is silent, 1 a progress bar, 2 one line per epoch."""
        if self.quiet:
            return 0
        if self.as_json:
            return int(sys.stdout.isatty())  # standard output is redirected to standard error
        # An animated bar does not belong in a file.
        return 1 if sys.stdout.isatty() else 2

    def say(self, text: str) -> None:
        """Print a sentence for a person."""
        if self.to_a_person:
            print(text, flush=True)

    def show(self, picture: RenderableType) -> None:
        """Print one of rich's tables for a person."""
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
        """Show what the program is doing while the block runs, on a terminal.

        Args:
            text: such as "Loading TensorFlow".
            moves: whether to animate the line; not if something else in the block does.

        Yields:
            a function that replaces the text, and shows a bar with the fraction done, if given.
        """
        console = _console(stderr=True)
        if self.quiet or not console.is_terminal:
            yield lambda text, done=None: None
        elif self.verbose or not moves:
            print(text, file=sys.stderr)
            yield lambda text, done=None: print(text, file=sys.stderr) if done is None else None
        else:
            # Not every terminal has the characters of the default spinner.
            spinner = "dots" if console.encoding.startswith("utf") else "line"
            with console.status(f"{text} ...", spinner=spinner) as line:
                yield lambda text, done=None: line.update(_with_bar(f"{text} ...", done))

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Show that TensorFlow is being imported; in the block Ctrl-C exits at once."""
        with self.status("Loading TensorFlow"), stopping_at_once():
            yield

    def finish(self, record: dict, paths: Sequence[str], closing: str | None = None) -> None:
        """Print the result in the requested format.

        Args:
            record: for JSON; see `plain`.
            paths: the files written.
            closing: the last sentence; `None` if everything has been said.
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
        """Call `work()` and return its result, without delaying Ctrl-C.

        Python only handles signals between its own instructions, and a whole piece is one graph
        call. So another thread makes the call, and is abandoned on Ctrl-C.
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
        """Reserve standard output for `finish` if a program reads it.

        Everything else printed in the block, for example by libraries, goes to standard error.
        """
        return nullcontext() if self.to_a_person else redirect_stdout(sys.stderr)


def run_program(name: str, work: Callable[[Namespace, Talk], int | None], args: Namespace) -> int:
    """Run a program's work; return its exit status.

    Args:
        name: how the program was called.
        work: called with the arguments and the output; returns the status if it is not 0.
        args: the arguments, of which `quiet`, `json` and `verbose` are used here if present.

    Returns:
        0, or what `work` returns; 2 after a user's mistake or an error of the system, which is
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
            raise  # a bug keeps its traceback
        complain(name, error)
        return USER_MISTAKE
    except KeyboardInterrupt as stop:
        print("\n" + " ".join(["Stopped.", *map(str, stop.args)]), file=sys.stderr, flush=True)
        if talk.left_behind:
            talk.out.flush()
            os._exit(INTERRUPTED)  # TensorFlow crashes if Python exits while it is working
        return INTERRUPTED
    if lost := lost_output():
        complain(name, f"the output could not be written: {lost}")
        return USER_MISTAKE
    return status


@contextmanager
def saying_warnings(name: str) -> Iterator[None]:
    """Print warnings of readers and writers in the block, one line each; others are unaffected.

    Args:
        name: how the program was called.
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
    """Print an error: at most a few short lines, without control characters.

    Args:
        name: how the program was called.
        what: the error, or a message.
    """
    lines = str(what)[:WIDEST_MESSAGE].splitlines() or [type(what).__name__]
    print(
        f"{short_name(name)}: " + "\n".join(shortened(line, None) for line in lines),
        file=sys.stderr,
    )


def plain(value: Any) -> Any:
    """Return a value for JSON: NaN and infinity become `null`, paths become text.

    Example:
        >>> plain({3: (float("nan"), Path("a.mid"))})
        {'3': [None, 'a.mid']}
    """
    if hasattr(value, "tolist"):  # NumPy's values
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
    """Return whether TensorFlow failed to write a file, for which it has its own errors."""
    of_tensorflow = type(error).__module__.startswith("tensorflow.")
    return of_tensorflow and any(os.strerror(code) in str(error) for code in UNWRITABLE)


def _settle(outcome: Future, work: Callable[[], Result]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # all of them are raised again in the waiting thread
        outcome.set_exception(error)


def _with_bar(text: str, done: float | None) -> RenderableType:
    """Return a text, with a bar if the fraction done is known."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    if done is None:
        return text
    row = Table.grid(padding=(0, 1))
    row.add_row(text, ProgressBar(total=1.0, completed=done, width=BAR), f"{done:.0%}")
    return row


def _console(stderr: bool = False) -> Console:
    """Return rich's console for the current stream."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    return console
