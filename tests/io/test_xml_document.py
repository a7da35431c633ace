"""XML with its dangers kept out."""

import gzip

import pytest

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.xml_document import attribute, read_xml

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">'
    '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>'
)


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0" encoding="utf-8"?>\n<r a="\xc3\x85">1</r>',
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><r a="\xc3\x85">1</r>',
        '\ufeff<?xml version="1.0" encoding="utf-16"?><r a="Å">1</r>'.encode("utf-16-le"),
        '\ufeff<?xml version="1.0" encoding="utf-16"?><r a="Å">1</r>'.encode("utf-16-be"),
        '<?xml version="1.0" encoding="utf-16"?><r a="Å">1</r>'.encode("utf-16-le"),
        '<r a="Å">1</r>'.encode("utf-16-be"),
        '<r a="Å">1</r>'.encode(),
    ],
)
def test_encodings(tmp_path, data):
    path = tmp_path / "a.xml"
    path.write_bytes(data)
    root = read_xml(path)
    assert (root.tag, root.get("a"), root.text) == ("r", "Å", "1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "text", [BOMB, "<!doctype x><a/>", '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>']
)
def test_declarations_are_refused_before_parsing(tmp_path, text, encoding):
    path = tmp_path / "a.xml"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(FormatError, match=r"a.xml: declares a document type or an entity; remove"):
        read_xml(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<r>",
        b"no xml",
        b"<r>\x00</r>",
        b"<r a='1' a='2'/>",
        b"<r>&b;</r>",
        b"\x00\x01",
        b"\xff\xfe",
    ],
)
def test_not_well_formed(tmp_path, data):
    path = tmp_path / "a.xml"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"a.xml: not well-formed XML"):
        read_xml(path)


@pytest.mark.parametrize("data", [b"<r>\xff</r>", b"\xff\xfe<"])
def test_not_text(tmp_path, data):
    path = tmp_path / "a.xml"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"a.xml: not utf-.* text"):
        read_xml(path)


def test_deep_nesting_is_no_problem(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<r>" * 20000 + "</r>" * 20000)
    assert read_xml(path).tag == "r"


def test_too_large(tmp_path):
    path = tmp_path / "a.xml"
    with path.open("wb") as file:
        file.truncate(128 * 1024 * 1024)  # sparse
    with pytest.raises(FormatError, match=r"a\.xml: is larger than 96 MiB"):
        read_xml(path)


def test_many_small_elements_are_refused_before_they_fill_the_memory(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<r>" + "<a/>" * 3_000_001 + "</r>")
    with pytest.raises(FormatError, match="more than 3000000 tags are too many"):
        read_xml(path)


def test_missing(tmp_path):
    with pytest.raises(MissingFileError):
        read_xml(tmp_path / "none.xml")


def test_gzip_is_unpacked(tmp_path):
    path = tmp_path / "a.xml.gz"
    path.write_bytes(gzip.compress(b"<r a='1.5'/>"))
    assert attribute(path, read_xml(path), "a", place=1) == 1.5
    path.write_bytes(gzip.compress(b"<r>" + b" " * (97 * 2**20) + b"</r>"))
    with pytest.raises(FormatError, match="unpacks to more than 96 MiB"):
        read_xml(path)


@pytest.mark.parametrize(
    ("element", "message"),
    [('<b y="1"/>', "b 4: no attribute x"), ('<b x="one"/>', "line 4, column attribute x: 'one'")],
)
def test_attributes_name_their_place(tmp_path, element, message):
    path = tmp_path / "a.xml"
    path.write_text(element)
    with pytest.raises(FormatError, match=message):
        attribute(path, read_xml(path), "x", place=4)
