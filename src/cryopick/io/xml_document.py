"""XML of other programs, read with its dangers kept out."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from cryopick.errors import FormatError
from cryopick.io.text_file import read_bounded
from cryopick.io.text_rows import number

MAX_XML_BYTES = 96 * 1024 * 1024
# An element takes some 400 bytes of memory, however short it is in the file.
MAX_TAGS = 3_000_000
_DECLARED = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def read_xml(path: str | Path) -> ET.Element:
    """Read an XML file in UTF-8 or UTF-16, with or without byte order mark (``.gz`` too).

    Files that declare a document type or entities are refused before they are parsed: no format
    read here has them, and they can make a small file fill the memory.

    Returns
    -------
    Element
        The root.
    """
    path = Path(path)
    text = _decode(read_bounded(path, max_bytes=MAX_XML_BYTES), path)
    if _DECLARED.search(text):
        raise FormatError(path, "declares a document type or an entity", "remove the declaration")
    if text.count("<") > MAX_TAGS:
        raise FormatError(path, f"more than {MAX_TAGS} tags are too many for XML of this kind")
    try:
        return ET.fromstring(text)  # noqa: S314 - declarations were refused above
    except (ET.ParseError, ValueError) as error:
        raise FormatError(path, f"not well-formed XML: {error}") from error


def attribute(path: Path, element: ET.Element, name: str, *, place: int) -> float:
    """A finite number in an attribute, or a `FormatError` that names the element."""
    value = element.get(name)
    if value is None:
        raise FormatError(
            path, f"{element.tag} {place}: no attribute {name}", "correct the element"
        )
    return number(path, value, line=place, column=f"attribute {name}")


def _decode(data: bytes, path: Path) -> str:
    """Text without the mark and without the declaration, whose encoding is not true any more."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif data[:2] in (b"<\x00", b"\x00<"):
        encoding = "utf-16-le" if data[:1] == b"<" else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FormatError(path, f"not {encoding} text: {error.reason}") from error
    text = text.lstrip()
    if text.startswith("<?xml"):
        text = text.partition("?>")[2]
    return text
