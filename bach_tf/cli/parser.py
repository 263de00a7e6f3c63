"""Command-line parsing: other programs' spellings, and hints for mistyped options."""

from __future__ import annotations

import argparse
import difflib
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from bach_tf._basics.messages import shortened

WIDTH = 80
HELP_COLUMN = 24
USER_MISTAKE = 2
LONGEST_MESSAGE = 2_000  # characters, so that an error stays readable whatever was typed

# Another program's option -> ours, or a function of its value that returns ours.
Spellings = Mapping[str, str | Callable[[str], list[str]]]


class Parser(argparse.ArgumentParser):
    """A command-line parser.

    Underscores are accepted in place of dashes, as in Magenta and Hugging Face. Unknown options
    get a "did you mean" hint instead of a page of usage.

    Args:
        spellings: other programs' options (with dashes) that are accepted for ours.
        check: called with the arguments; a `ValueError` it raises is reported like any other
            mistake.
        **about: arguments of `argparse.ArgumentParser`.

    Example:
        >>> parser = Parser(prog="bach-tf generate", spellings={"--num-steps": "--length"})
        >>> _ = parser.add_argument("--length", type=int)
        >>> parser.parse_args(["--num_steps", "64"]).length
        64
    """

    def __init__(
        self,
        *,
        spellings: Spellings | None = None,
        check: Callable[[argparse.Namespace], None] | None = None,
        **about: Any,
    ):
        super().__init__(formatter_class=_format, **about)
        self.spellings = spellings or {}
        self.check = check

    def parse_args(  # noqa: D102
        self, args: Iterable[str] | None = None, namespace: Any = None
    ) -> Any:
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._about_unknown(unknown))
        if self.check is not None:
            try:
                self.check(parsed)
            except ValueError as error:
                self.error(str(error))
        return parsed

    def parse_known_args(  # noqa: D102
        self, args: Iterable[str] | None = None, namespace: Any = None
    ) -> Any:
        try:
            arguments = respell(sys.argv[1:] if args is None else args, self.spellings)
        except ValueError as error:
            self.error(str(error))
        return super().parse_known_args(arguments, namespace)

    def _get_values(self, action, arg_strings):
        """Return the values of an option, refusing empty ones for every option.

        They mostly come from unset shell variables: `--data-dir "$MUSIC"`. argparse itself fails on
        `--seed=--`, which it takes for the end of the options.
        """
        empty = [text for text in arg_strings if not text.strip() or text == "--"]
        if action.option_strings and empty:
            option = action.option_strings[-1]
            self.error(f"argument {option}: expected a value, got: {empty[0].strip() or 'nothing'}")
        return super()._get_values(action, arg_strings)

    def error(self, message: str) -> NoReturn:
        """Report a mistake and exit with its status."""
        hint = f"All options: {self.prog} --help"
        message = shortened(message, LONGEST_MESSAGE)
        self.exit(USER_MISTAKE, f"{short_name(self.prog)}: {message}\n{hint}\n")

    def _about_unknown(self, arguments: Sequence[str]) -> str:
        options = [argument for argument in arguments if argument.startswith("-")]
        if not options:
            such = "--seed 1" if "--seed" in self._option_string_actions else "--help"
            return f"Expected options such as {such}, got: {shortened(arguments[0])}"
        name = options[0].partition("=")[0]
        ours = {option: option for option in self._option_string_actions}
        others = {theirs: our for theirs, our in self.spellings.items() if isinstance(our, str)}
        known = {**others, **ours}
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {known[near[0]]}?" if near else ""
        return f"Unknown option {shortened(name)}.{hint}"


def short_name(program: str) -> str:
    """Return the name of a program in messages.

    Example:
        >>> short_name("python generate.py"), short_name("bach-tf generate")
        ('generate.py', 'bach-tf generate')
    """
    return program.removeprefix("python ")


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return the `type` of an option for an integer within bounds.

    Args:
        low: minimum.
        high: maximum.

    Example:
        >>> whole(1, 64)("12")
        12
    """
    return lambda text: _number(int, text, low, high, f"a whole number in {low}..{high}")


def real(low: float, high: float, *, above: bool = False) -> Callable[[str], float]:
    """Return the `type` of an option for a number within bounds; NaN is refused.

    Args:
        low: minimum.
        high: maximum.
        above: whether to exclude `low`.

    Example:
        >>> real(0, 1, above=True)("0.9")
        0.9
    """
    bounds = f"above {low:g} and at most {high:g}" if above else f"in {low:g}..{high:g}"
    least = math.nextafter(low, math.inf) if above else low
    return lambda text: _number(float, text, least, high, f"a number {bounds}")


def _number(read: Callable, text: str, low, high, expected: str):
    try:
        number = read(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"expected {expected}, got: {shortened(text)}")
    return number


def respell(arguments: Iterable[str], spellings: Spellings) -> list[str]:
    """Return a command line with dashes instead of underscores, and our names for options.

    Args:
        arguments: the command line as typed.
        spellings: other programs' options.

    Raises:
        ValueError: if one of their options lacks its value.

    Example:
        >>> respell(["--top_p=0.9", "--num_steps", "8"], {"--num-steps": "--length"})
        ['--top-p=0.9', '--length', '8']
    """
    rest, ours = list(arguments), []
    while rest:
        argument = rest.pop(0)
        if argument == "--":  # what follows is for another program
            return [*ours, argument, *rest]
        if not argument.startswith("--"):
            ours.append(argument)
            continue
        name, equals, value = argument.partition("=")
        name = name.replace("_", "-")
        spelling = spellings.get(name, name)
        if isinstance(spelling, str):
            ours.append(spelling + equals + value)
            continue
        if not equals and rest and not rest[0].startswith("--"):
            value = rest.pop(0)
        if not value.strip():
            raise ValueError(f"argument {name}: expected a value, got: nothing")
        ours += spelling(value)
    return ours


def _format(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=HELP_COLUMN, width=WIDTH)
