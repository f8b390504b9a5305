"""Reads an XML file as a stream; what is wrong with it is one kind of error that names the file."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import XMLParserType

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from yolo_cli.data.formats.files import MAX_LABEL_BYTES, read_bytes
from yolo_cli.errors import UserError

MAX_DEPTH = 100
"""Most elements inside one another."""

_CHUNK = 1024**2
_HEAD_BYTES = 8192
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_ELEMENT = re.compile(rb"<([A-Za-z_][A-Za-z0-9_.:-]*)")


class XmlBuilder:
    """Target of the parser: knows where it is; subclasses keep what they need.

    Args:
        file: that is read.

    Attributes:
        root: name of the outermost element, in lower case.
        path: names of the elements that the parser is in, from the outermost, in lower case.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.root = ""
        self.path: list[str] = []
        self.expat: XMLParserType | None = None
        self._text: list[str] = []

    @property
    def line(self) -> int:
        """Line that the parser is at."""
        return self.expat.CurrentLineNumber if self.expat is not None else 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        name = tag.lower()
        if not self.path:
            self.root = name
        self.path.append(name)
        self._text.clear()
        if len(self.path) > MAX_DEPTH:
            raise UserError(
                "XML nested too deeply for an annotation", path=self.file, line=self.line
            )
        self.begin(attributes)

    def data(self, text: str) -> None:
        """Keep text."""
        self._text.append(text)

    def end(self, _tag: str) -> None:
        """End an element."""
        self.finish()
        self.path.pop()
        self._text.clear()

    @property
    def text(self) -> str:
        """Text of the element that ends, without that of elements inside of it."""
        return "".join(self._text).strip()

    def begin(self, attributes: dict[str, str]) -> None:
        """Take note of an element that begins; :attr:`path` ends with it."""

    def finish(self) -> None:
        """Take note of an element that ends; :attr:`path` ends with it."""


def read_xml(path: Path, builder: XmlBuilder, limit: int = MAX_LABEL_BYTES) -> None:
    """Feed a file to its builder.

    Raises:
        UserError: it cannot be read, is larger than `limit` bytes, is not XML, is nested too
            deeply, or declares entities.
    """
    data = read_bytes(path, limit)
    if not data.strip():
        raise UserError("empty annotation file", path=path)
    parser = DefusedXMLParser(target=builder)
    builder.expat = parser.parser
    try:
        for start in range(0, len(data), _CHUNK):
            parser.feed(data[start : start + _CHUNK])
        parser.close()
    except ParseError as error:
        reason = str(error).split(": line ", maxsplit=1)[0]
        raise UserError(f"broken XML ({reason})", path=path, line=error.position[0]) from error
    except DefusedXmlException as error:
        raise UserError(
            "XML that declares entities is not read",
            "remove the entity declarations from the file",
            path=path,
            line=builder.line,
        ) from error
    except (LookupError, ValueError) as error:
        raise UserError(f"XML in an encoding that cannot be read ({error})", path=path) from error


def root_element(path: Path) -> str:
    """Return the name of the outermost element, in lower case; "" if it is not soon to be seen."""
    try:
        with path.open("rb") as file:
            found = _ELEMENT.search(_COMMENT.sub(b"", file.read(_HEAD_BYTES)))
    except (OSError, ValueError):
        return ""
    return found[1].decode().lower() if found else ""
