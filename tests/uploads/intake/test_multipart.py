"""Multipart bodies as they are sent, in pieces of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploads.intake.multipart import Malformed, Parser, Part, part_of


class Taken:
    def __init__(self) -> None:
        self.parts: list[tuple[Part, bytes]] = []
        self.ended = 0

    def begin(self, part: Part) -> None:
        self.parts.append((part, b""))

    def data(self, data: bytes) -> None:
        part, before = self.parts[-1]
        self.parts[-1] = (part, before + data)

    def end(self) -> None:
        self.ended += 1

    @property
    def contents(self) -> list[bytes]:
        return [content for _, content in self.parts]


def taken(body: bytes, sizes: list[int] | None = None, boundary: bytes = b"x") -> Taken:
    """What comes out of a body that arrives in pieces of these sizes, over and over."""
    taker = Taken()
    parser = Parser(boundary, taker)
    position, turn = 0, 0
    while position < len(body):
        size = sizes[turn % len(sizes)] if sizes else len(body)
        parser.write(body[position : position + size])
        position, turn = position + size, turn + 1
    parser.close()
    assert taker.ended == len(taker.parts)
    return taker


def body(*contents: bytes, line_end: bytes = b"\r\n", before: bytes = b"", after: bytes = b"\r\n") -> bytes:
    head = line_end.join((b'Content-Disposition: form-data; name="images"; filename="a"', b"", b""))
    parts = [b"--x" + line_end + head + content + line_end for content in contents]
    return before + b"".join(parts) + b"--x--" + after


BROKEN = [b"", b"\r", b"\n", b"\r\n", b"--x", b"\r\n--", b"\r\n--y", b"\n--x\n", b"ends in\r", b"\r\n\r\n--"]


@given(
    st.lists(st.one_of(st.sampled_from(BROKEN), st.binary(max_size=200)), max_size=5),
    st.lists(st.integers(1, 50), min_size=1, max_size=5),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_every_byte_of_every_part_comes_out_whatever_the_pieces(
    contents: list[bytes], sizes: list[int], line_end: bytes
) -> None:
    contents = [content for content in contents if b"\n--x" not in b"\n" + content]
    assert taken(body(*contents, line_end=line_end), sizes).contents == contents


@pytest.mark.parametrize("sizes", [None, [1], [3, 7]])
def test_what_stands_before_the_first_boundary_and_after_the_last_is_no_part(sizes: list[int] | None) -> None:
    odd = body(b"one", b"two", before=b"This is multipart.\r\n", after=b"\r\n" + b"x" * 600)
    assert taken(odd, sizes).contents == [b"one", b"two"]


def test_what_only_begins_like_the_boundary_is_content() -> None:
    content = b"a\r\n--xy\r\nb\r\n--x-\r\nc"
    assert taken(body(content), [4]).contents == [content]


def test_blanks_may_stand_behind_a_boundary() -> None:
    assert taken(body(b"one").replace(b"--x\r\n", b"--x \t \r\n", 1)).contents == [b"one"]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "before its closing boundary"),
        (body(b"one")[:-8], "before its closing boundary"),
        (b"--x\r\nno colon\r\n\r\nx\r\n--x--", "no colon"),
        (b"--x\r\n\r\nx\r\n--x--", "no Content-Disposition"),
        (b"--x\r\nContent-Type: image/png\r\n\r\nx\r\n--x--", "no Content-Disposition with a name"),
        (b"--x\r\nX: " + b"y" * 20_000 + b"\r\n\r\nx\r\n--x--", "16,384 bytes"),
        (b"y" * 70_000, "boundary is not in the first"),
    ],
)
def test_what_is_no_multipart_says_why(sent: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        taken(sent)


@pytest.mark.parametrize("boundary", [b"", b"y" * 201])
def test_a_boundary_has_a_length(boundary: bytes) -> None:
    with pytest.raises(Malformed, match="boundary"):
        taken(b"", boundary=boundary)


HANGUL = "\u1112\u1161\u11ab" * 110
CHINESE = "\u7167" * 120


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        (b'filename="a.jpg"', "a.jpg"),
        (b"filename=a.jpg", "a.jpg"),
        (b'FileName="a.jpg"', "a.jpg"),
        (b'filename=""', ""),
        (b"", None),
        (b'filename="a%22b%0d%0Ac.jpg"', 'a"b\r\nc.jpg'),
        (b'filename="100%.jpg"', "100%.jpg"),
        (b'filename="a\\"b\\\\c.jpg"', 'a"b\\c.jpg'),
        (b'filename="C:\\photos\\a.jpg"', "C:\\photos\\a.jpg"),
        (b'filename="a;b=c.jpg"', "a;b=c.jpg"),
        ('filename="Gr\u00f6\u00dfe.jpg"'.encode(), "Gr\u00f6\u00dfe.jpg"),
        ('filename="Gr\u00f6\u00dfe.jpg"'.encode("latin-1"), "Gr\u00f6\u00dfe.jpg"),
        (f'filename="{HANGUL}.jpg"'.encode(), f"{HANGUL}.jpg"),
        (b"filename*=UTF-8''" + CHINESE.encode().hex("%").encode().join((b"%", b"")), CHINESE),
        (b"filename=\"plain.jpg\"; filename*=utf-8'en'f%c3%bcr.jpg", "f\u00fcr.jpg"),
        (b"filename*=bz2''x; filename=\"plain.jpg\"", "plain.jpg"),
    ],
)
def test_a_name_is_read_as_senders_write_it(parameters: bytes, filename: str | None) -> None:
    part = part_of([b'content-DISPOSITION: form-data; name="images"; ' + parameters])
    assert (part.name, part.filename) == ("images", filename)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("\u5199\u771f\u8868.jpg", "shift_jis"), ("\u8868", "shift_jis"), ("\u7167\u7247.jpg", "gbk")],
)
def test_a_name_in_another_encoding_loses_neither_itself_nor_what_follows(name: str, codec: str) -> None:
    raw = b'Content-Disposition: form-data; filename="%s"; name="images"' % name.encode(codec)
    part = part_of([raw])
    assert part.name == "images"
    assert part.filename


def test_headers_may_go_over_several_lines() -> None:
    part = part_of([b"Content-Disposition: form-data;", b'  name="a";', b'\tfilename="b"'])
    assert (part.name, part.filename) == ("a", "b")
