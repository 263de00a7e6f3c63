"""XML from strangers, as a tree: within limits, no entity expanded, nothing fetched.

The parser is expat, which comes with Python: it reads in linear time and never opens a file or an
address by itself. What is added are limits, and that a file which declares entities is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from bach_tf._basics.messages import shortened

# A symphony of an hour has half a million elements; the deepest of MusicXML lies eleven deep.
MOST_ELEMENTS = 2_000_000
DEEPEST = 64
# How expat calls the end of a file that comes too early.
CUT = frozenset((
    expat.errors.XML_ERROR_NO_ELEMENTS,
    expat.errors.XML_ERROR_UNCLOSED_TOKEN,
    expat.errors.XML_ERROR_PARTIAL_CHAR,
    expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
))  # fmt: skip
SEQUENCES = frozenset(("measure", "part-list"))  # of elements that can be read one by one
LONGEST_TEXT = 100_000  # characters of one element


class XmlError(ValueError):
    """A file that is no XML, or none that is to be trusted."""


def parse_xml(
    content: bytes,
    skipped: frozenset[str] = frozenset(),
    if_cut: Callable[[int, str], None] | None = None,
) -> Element:
    """Return the root of an XML file.

    Args:
        content: of the file.
        skipped: tags of elements that are left out with all that is in them.
        if_cut: takes the line in which a file stops or is damaged, and what expat says of it; what
            stands before is returned then. Such a file is refused when `None`.

    Raises:
        XmlError: not XML, entities, or more than `MOST_ELEMENTS`, `DEEPEST` or `LONGEST_TEXT`; the
            message says in which line.

    Example:
        >>> parse_xml(b"<a><b>1</b><c/></a>", frozenset({"c"}))[0].text
        '1'
    """
    return _Parser(skipped).parse(content, if_cut)


class _Parser:
    """Builds a tree of what expat finds."""

    def __init__(self, skipped: frozenset[str]):
        self.skipped = skipped
        self.builder = TreeBuilder()
        self.open: list[str] = []  # the elements that have begun, skipped ones left aside
        self.depth = self.elements = self.text = 0
        self.skipping_from = DEEPEST + 1  # the depth below which nothing is kept
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.expat.StartElementHandler = self.start
        self.expat.EndElementHandler = self.end
        self.expat.CharacterDataHandler = self.characters
        self.expat.EntityDeclHandler = self.refuse_entity
        self.expat.ExternalEntityRefHandler = self.refuse_reference

    def parse(self, content: bytes, if_cut: Callable[[int, str], None] | None) -> Element:
        try:
            self.expat.Parse(content, True)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            if if_cut is not None and self.open:
                if_cut(error.lineno, what)
                return self.close_cut()
            raise XmlError(f"line {error.lineno}: expected XML, got: {what}") from None
        except (LookupError, UnicodeError, ValueError) as error:
            if isinstance(error, XmlError):
                raise
            raise XmlError(f"expected XML, got: {shortened(str(error))}") from None
        return self.builder.close()

    def close_cut(self) -> Element:
        """Return the tree of a file that stops in the middle, without the element it stops in."""
        opened = self.open[:]
        while self.open:
            self.builder.end(self.open.pop())
        root = above = self.builder.close()
        for depth in range(1, len(opened)):
            if above.tag in SEQUENCES:
                _drop_open(above, has_open_child=depth + 1 < len(opened))
                break
            above = above[-1]
        return root

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        self.text = 0
        if self.depth > DEEPEST:
            self.refuse(f"elements at most {DEEPEST} deep, got deeper ones")
        if self.elements > MOST_ELEMENTS:
            self.refuse(f"at most {MOST_ELEMENTS:,} elements, got more")
        if tag in self.skipped:
            self.skipping_from = min(self.skipping_from, self.depth)
        if self.depth < self.skipping_from:
            self.builder.start(tag, attributes)
            self.open.append(tag)

    def end(self, tag: str) -> None:
        if self.depth < self.skipping_from:
            self.builder.end(tag)
            self.open.pop()
        elif self.depth == self.skipping_from:
            self.skipping_from = DEEPEST + 1
        self.depth -= 1

    def characters(self, text: str) -> None:
        self.text += len(text)
        if self.text > LONGEST_TEXT:
            self.refuse(f"texts of at most {LONGEST_TEXT:,} characters, got a longer one")
        if self.depth < self.skipping_from:
            self.builder.data(text)

    def refuse_entity(self, name: str, *_: Any) -> None:
        self.refuse(f"no entities, got '{shortened(str(name), 40)}'. Do not trust this file")

    def refuse_reference(self, context: str, *_: Any) -> int:
        self.refuse_entity(context)
        return 0

    def refuse(self, expected: str) -> None:
        raise XmlError(f"line {self.expat.CurrentLineNumber}: expected {expected}")


def _drop_open(sequence: Element, has_open_child: bool) -> None:
    """Drop what is incomplete in the last element of a sequence, and a note without a duration."""
    last = sequence[-1]
    if has_open_child:
        last.remove(last[-1])
    if last.tag == "note" and last.find("duration") is None:
        sequence.remove(last)
