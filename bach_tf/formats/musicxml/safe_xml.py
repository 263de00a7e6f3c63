"""XML from untrusted sources as a tree, with limits; no entities, no network access.

The parser is Python's expat, which takes linear time and never opens files or URLs by itself.
Limits are added, and files that declare entities are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from bach_tf._basics.messages import shortened

# An hour of a symphony has half a million elements; MusicXML nests at most eleven deep.
MOST_ELEMENTS = 2_000_000
DEEPEST = 64
# Expat's messages for truncated files.
CUT = frozenset((
    expat.errors.XML_ERROR_NO_ELEMENTS,
    expat.errors.XML_ERROR_UNCLOSED_TOKEN,
    expat.errors.XML_ERROR_PARTIAL_CHAR,
    expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
))  # fmt: skip
SEQUENCES = frozenset(("measure", "part-list"))  # whose children can be read one by one
LONGEST_TEXT = 100_000  # characters in one element


class XmlError(ValueError):
    """Invalid XML, or XML that exceeds the limits or declares entities."""


def parse_xml(
    content: bytes,
    skipped: frozenset[str] = frozenset(),
    if_cut: Callable[[int, str], None] | None = None,
) -> Element:
    """Return the root of an XML file.

    Args:
        content: of the file.
        skipped: tags of elements that are dropped with their content.
        if_cut: called with the line where the file is truncated or damaged and with expat's
            message; the tree up to there is returned. `None` refuses such files.

    Raises:
        XmlError: not XML, entities, or more than `MOST_ELEMENTS`, `DEEPEST` or `LONGEST_TEXT`; the
            message names the line.

    Example:
        >>> parse_xml(b"<a><b>1</b><c/></a>", frozenset({"c"}))[0].text
        '1'
    """
    return _Parser(skipped).parse(content, if_cut)


class _Parser:
    """Builds a tree from the events of expat."""

    def __init__(self, skipped: frozenset[str]):
        self.skipped = skipped
        self.builder = TreeBuilder()
        self.open: list[str] = []  # open elements, without skipped ones
        self.depth = self.elements = self.text = 0
        self.skipping_from = DEEPEST + 1  # elements from this depth on are dropped
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
        """Return the tree of a truncated file without the element that was cut."""
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
    """Drop the incomplete child of the last element, and a note without a duration."""
    last = sequence[-1]
    if has_open_child:
        last.remove(last[-1])
    if last.tag == "note" and last.find("duration") is None:
        sequence.remove(last)
