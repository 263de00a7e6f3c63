"""Kinds of settings: a type, bounds, and the message for values that do not fit.

Presets, codecs and the command line read tables that map names to kinds, so that each setting
is described once.
"""

from __future__ import annotations

import ast
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bach_tf._basics.choices import choose, nearest
from bach_tf._basics.messages import shortened

LONGEST_TEXT = 10_000  # characters; longer values are not parsed as Python literals


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer; `True` is not.

    Example:
        >>> is_whole(3), is_whole(3.0), is_whole(True)
        (True, False, False)
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Return whether a value is a number, NaN included; `True` is not.

    Example:
        >>> is_number(0.5), is_number("0.5"), is_number(True)
        (True, False, False)
    """
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


class DoesNotFitError(Exception):
    """Raised by a `Kind` for a value outside its type or bounds."""


@dataclass(frozen=True)
class Kind(ABC):
    """A type with bounds.

    Args:
        optional: whether `None` is allowed too.
    """

    optional: bool = field(default=False, kw_only=True)

    @property
    @abstractmethod
    def words(self) -> str:
        """What a value must be, phrased to follow "must be"."""

    @abstractmethod
    def accept(self, value: Any) -> Any:
        """Return the value in canonical form.

        Raises:
            DoesNotFitError: if the type is wrong or the value is out of bounds.
        """

    def check(self, name: str, value: Any) -> Any:
        """Return a setting's value in canonical form.

        Args:
            name: the setting's name, for the error message.
            value: any object.

        Raises:
            ValueError: if the type is wrong or the value is out of bounds.

        Example:
            >>> Real(0, 1).check("dropout", 1)
            1.0
        """
        if value is None and self.optional:
            return None
        try:
            return self.accept(value)
        except DoesNotFitError:
            raise ValueError(
                f"`{name}` must be {self.words}{' or None' * self.optional}. "
                f"Received: {shortened(value, quote=True)}"
            ) from None

    def read(self, text: str) -> Any:
        """Parse the text of a value; the result may still be out of bounds.

        Example:
            >>> Whole(0, 9).read("7"), Flag().read("true"), Whole(0, 9).read("seven")
            (7, True, 'seven')
        """
        if len(text) > LONGEST_TEXT:
            return text
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return text


@dataclass(frozen=True)
class Whole(Kind):
    """Integers in `low..high`, both included; `True` is rejected.

    Args:
        low: minimum.
        high: maximum.
        multiple_of: a divisor that all values must have.

    Example:
        >>> Whole(0, 127).check("program", 19)
        19
    """

    low: int
    high: int
    multiple_of: int = 1

    @property
    def words(self) -> str:
        many = f", a multiple of {self.multiple_of}" if self.multiple_of > 1 else ""
        return f"a whole number in {self.low}..{self.high}{many}"

    def accept(self, value: Any) -> int:
        if not is_whole(value):
            raise DoesNotFitError
        if not self.low <= value <= self.high or value % self.multiple_of:
            raise DoesNotFitError
        return int(value)


@dataclass(frozen=True)
class Real(Kind):
    """Numbers in `low..high`, both included by default; NaN and `True` are rejected.

    Args:
        low: minimum.
        high: maximum.
        above: whether to exclude `low`.
        below: whether to exclude `high`.

    Example:
        >>> Real(0, 1, below=True).check("dropout", 0)
        0.0
    """

    low: float
    high: float
    above: bool = field(default=False, kw_only=True)
    below: bool = field(default=False, kw_only=True)

    @property
    def words(self) -> str:
        out = [f"{end:g}" for end, no in ((self.low, self.above), (self.high, self.below)) if no]
        excluded = f" ({' and '.join(out)} excluded)" if out else ""
        return f"a number in {self.low:g}..{self.high:g}{excluded}"

    def accept(self, value: Any) -> float:
        if not is_number(value):
            raise DoesNotFitError
        # Compared before conversion: an integer may overflow a float. NaN fails this test.
        if not self.low <= value <= self.high:
            raise DoesNotFitError
        if (self.above and value == self.low) or (self.below and value == self.high):
            raise DoesNotFitError
        return float(value)


@dataclass(frozen=True)
class Flag(Kind):
    """`True` or `False`; 1 and 0 are rejected.

    Example:
        >>> Flag().check("rhythm", False)
        False
    """

    words = "True or False"

    def accept(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise DoesNotFitError
        return value

    def read(self, text: str) -> Any:
        return {"true": True, "false": False}.get(text.strip().lower(), super().read(text))


@dataclass(frozen=True)
class Text(Kind):
    """Text without control characters, such as a path.

    Args:
        longest: maximum number of characters.
        empty: whether empty text is allowed.

    Example:
        >>> Text(255).check("data_dir", "my_midi_files")
        'my_midi_files'
    """

    longest: int
    empty: bool = field(default=False, kw_only=True)

    @property
    def words(self) -> str:
        return f"text of {int(not self.empty)}..{self.longest} characters"

    def accept(self, value: Any) -> str:
        if not isinstance(value, str) or not int(not self.empty) <= len(value) <= self.longest:
            raise DoesNotFitError
        if any(ord(character) < ord(" ") for character in value):
            raise DoesNotFitError
        return value

    def read(self, text: str) -> str | None:
        return None if self.optional and text == "None" else text


@dataclass(frozen=True)
class Choice(Kind):
    """A name in a table.

    Args:
        table: the registry; it is read at each check, so that entries may be added later.

    Example:
        >>> Choice({"satb": 4}).check("codec", "satb")
        'satb'
    """

    table: Mapping[str, Any]

    @property
    def words(self) -> str:
        return f"one of: {', '.join(self.table)}"

    def accept(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.table:
            raise DoesNotFitError
        return value

    def check(self, name: str, value: Any) -> str:
        """Return the name; the error for an unknown one hints at the closest match."""
        choose(self.table, value, name)
        return value

    def read(self, text: str) -> str:
        return text


@dataclass(frozen=True)
class Pair(Kind):
    """Two values.

    Args:
        first: kind of the first value.
        second: kind of the second value.

    Example:
        >>> Pair(Whole(-24, 0), Whole(0, 24)).check("transpose", [-5, 6])
        (-5, 6)
    """

    first: Kind
    second: Kind

    @property
    def words(self) -> str:
        return f"a pair: {self.first.words}, then {self.second.words}"

    def accept(self, value: Any) -> tuple:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise DoesNotFitError
        return self.first.accept(value[0]), self.second.accept(value[1])


@dataclass(frozen=True)
class Several(Kind):
    """A list of values of one kind.

    Args:
        each: kind of every value.
        fewest: minimum number of values.
        most: maximum number of values.

    Example:
        >>> Several(Whole(1, 512), 1, 8).check("filters", (32, 48))
        [32, 48]
    """

    each: Kind
    fewest: int
    most: int

    @property
    def words(self) -> str:
        count = f"{self.fewest}" if self.fewest == self.most else f"{self.fewest}..{self.most}"
        return f"a list of {count} values, each {self.each.words}"

    def accept(self, value: Any) -> list:
        if not isinstance(value, (list, tuple)) or not self.fewest <= len(value) <= self.most:
            raise DoesNotFitError
        return [self.each.accept(item) for item in value]


Settings = Mapping[str, Kind]


def check_settings(kinds: Settings, values: Any, *, prefix: str = "") -> dict[str, Any]:
    """Return settings in canonical form.

    Args:
        kinds: the known settings. None of them is required.
        values: a dict of names and values; any object is accepted and checked.
        prefix: prepended to the names in messages, such as `model.`.

    Raises:
        ValueError: if `values` is not a dict, a name is unknown, or a value does not fit.

    Example:
        >>> check_settings({"units": Whole(1, 512)}, {"units": 64})
        {'units': 64}
    """
    if not isinstance(values, dict):
        what = f"`{prefix.rstrip('.')}`" if prefix else "Settings"
        raise ValueError(
            f"{what} must be names and values, as {{...}}. Received: {shortened(values)}"
        )
    return {
        name: kind_of(kinds, name, prefix=prefix).check(prefix + name, value)
        for name, value in values.items()
    }


def kind_of(kinds: Settings, name: Any, *, prefix: str = "") -> Kind:
    """Return the kind of a setting.

    Raises:
        ValueError: if the name is unknown; the message lists the known ones.
    """
    if isinstance(name, str) and name in kinds:
        return kinds[name]
    shown = shortened(prefix + name if isinstance(name, str) else name, quote=True)
    names = [prefix + known for known in sorted(kinds)]
    if not names:
        raise ValueError(f"Unknown setting {shown}: there are no settings here.")
    hint = nearest(prefix + name, names) if isinstance(name, str) else ""
    raise ValueError(f"Unknown setting {shown}. Choose from: {', '.join(names)}.{hint}")
