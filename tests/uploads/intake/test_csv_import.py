"""Reading a CSV of addresses: what is taken, and which line is to blame."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from processing.accounts.models import Plan
from uploads.intake.csv_import import MOST_IN_LINE, Parsed, parse
from uploads.intake.csv_results import neutral

HEADER = b"S. No.,Product Name,Input Image Urls\r\n"
PLAN = Plan(name="Enterprise", thumbnail_heights=[200], max_files=5000)


def read(data: bytes, plan: Plan = PLAN) -> Parsed:
    return parse(io.BytesIO(data), plan)


def test_it_reads_rows_with_several_addresses() -> None:
    parsed = read(HEADER + b'1,Shoe,"http://a/1.jpg, http://a/2.jpg,"\r\n\r\n2,Hat,http://a/3.jpg\r\n')
    assert parsed.errors == []
    assert [(row.line, row.serial, row.product, row.urls) for row in parsed.rows] == [
        (2, "1", "Shoe", ["http://a/1.jpg", "http://a/2.jpg"]),
        (4, "2", "Hat", ["http://a/3.jpg"]),
    ]
    assert parsed.urls == 3


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + HEADER + b"1,Shoe,http://a/1.jpg\r\n",
        HEADER.replace(b"\r\n", b"\n") + b"1,Shoe,http://a/1.jpg",
        b"s. no. , product name,INPUT IMAGE URLS\n1,Shoe,http://a/1.jpg\n",
        b'"S. No.","Product Name","Input Image Urls"\n"1","Shoe","http://a/1.jpg"\n',
    ],
    ids=["with a BOM", "without a last line end", "header in other letters", "all quoted"],
)
def test_it_takes_what_spreadsheets_write(data: bytes) -> None:
    parsed = read(data)
    assert (parsed.errors, parsed.rows[0].urls) == ([], ["http://a/1.jpg"])


def test_lines_are_counted_as_an_editor_does() -> None:
    parsed = read(HEADER + b'1,"two\nlines",http://a/1.jpg\n2,Hat\n3,Coat,http://a/3.jpg\n')
    assert [row.line for row in parsed.rows] == [2, 5]
    assert [(error["line"], error["code"]) for error in parsed.errors] == [(4, "wrong_cells")]


GOOD = b"1,A,http://a/1.jpg\n"


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        (b"", 1, "no_rows"),
        (HEADER, 2, "no_rows"),
        (b"a,b,c\n" + GOOD, 1, "bad_header"),
        (b"\x89PNG\r\n\x1a\n\0\0", 1, "not_utf8"),
        (HEADER.decode().encode("utf-16"), 1, "not_utf8"),
        (HEADER.decode().encode("utf-16-be"), 1, "malformed_csv"),
        (HEADER + GOOD + b"2,\xff\xfe,http://a/1.jpg\n", 3, "not_utf8"),
        (HEADER + GOOD + b'2,"open,http://a/1.jpg\n3,B,http://a/3.jpg\n', 3, "malformed_csv"),
        (HEADER + b'1,"open' + b"\nx" * 200_000, 2, "malformed_csv"),
        (HEADER + b'1,"a"b,http://a/1.jpg\n', 2, "malformed_csv"),
        (HEADER + b'1,"' + b"x" * 150_000 + b'",http://a/1.jpg\n', 2, "malformed_csv"),
        (HEADER + GOOD + b"1,A," + b"x" * 5_000_000, 3, "line_too_long"),
        (HEADER + GOOD + b"2,B\n", 3, "wrong_cells"),
        (HEADER + b"1,A,http://a/1.jpg,http://a/2.jpg\n", 2, "wrong_cells"),
        (HEADER + GOOD + b"2,B,\n", 3, "no_url"),
        (HEADER + b'1,A," , ,"\n', 2, "no_url"),
        (HEADER + b"1,A,http://a/" + b"x" * 3000 + b"\n", 2, "url_too_long"),
        (HEADER + b"1," + b"x" * 3000 + b",http://a/1.jpg\n", 2, "cell_too_long"),
        (HEADER + b"1,A\0B,http://a/1.jpg\n", 2, "bad_text"),
    ],
)
def test_every_error_names_its_line(data: bytes, line: int, code: str) -> None:
    error = read(data).errors[0]
    assert (error["line"], error["code"]) == (line, code)
    assert f"Line {line}" in error["detail"]


def test_a_plan_limits_the_addresses() -> None:
    basic = Plan(name="Basic", thumbnail_heights=[200], max_files=100)
    rows = b"".join(b"%d,A,http://a/%d.jpg\n" % (n, n) for n in range(101))
    parsed = read(HEADER + rows, basic)
    assert [(error["line"], error["code"]) for error in parsed.errors] == [(102, "too_many_urls")]
    assert "Basic" in parsed.errors[0]["detail"]
    assert "100" in parsed.errors[0]["detail"]


def test_a_million_rows_end_at_the_limit_and_in_little_memory() -> None:
    data = io.BytesIO(HEADER + b"1,A,http://a/1.jpg\n" * 1_000_000)
    tracemalloc.start()
    parsed = parse(data, PLAN)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parsed.errors[0]["line"] == PLAN.max_files + 2
    assert peak < 10_000_000
    assert data.tell() < 1_000_000


def test_a_line_without_end_is_not_read_to_its_end() -> None:
    data = io.BytesIO(HEADER + b"x" * 50_000_000)
    assert parse(data, PLAN).errors[0]["code"] == "line_too_long"
    assert data.tell() <= 2 * MOST_IN_LINE


def test_no_more_than_a_hundred_errors_are_told() -> None:
    assert len(read(HEADER + b"1,A\n" * 5000).errors) == 100


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("＝1", "'＝1"),
        ("Shoe = good", "Shoe = good"),
        ("", ""),
    ],
)
def test_formulas_are_neutralised(cell: str, shown: str) -> None:
    assert neutral(cell) == shown
