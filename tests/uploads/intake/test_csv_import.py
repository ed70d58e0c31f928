"""Reading a CSV of addresses: what is taken, and which line is to blame."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from processing.accounts.models import Plan
from uploads.intake.csv_import import Parsed, addresses, parse
from uploads.intake.csv_results import neutral
from uploads.intake.csv_text import MOST_IN_LINE

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


ONE = ["http://h/1.jpg"]
CROP = ["http://h/img.jpg?crop=0,0,100,100"]


@pytest.mark.parametrize(
    ("data", "product", "urls"),
    [
        pytest.param(data, product, urls, id=name)
        for name, data, product, urls in [
            (
                "Excel in German: semicolons, cp1252",
                "S. No.;Product Name;Input Image Urls\r\n1;Schlüssel;http://h/1.jpg\r\n".encode("cp1252"),
                "Schlüssel",
                ONE,
            ),
            (
                "Excel in French, all quoted, with a euro sign",
                '"S. No.";"Product Name";"Input Image Urls"\r\n"1";"Clé à 3 €";"http://h/1.jpg"\r\n'.encode(
                    "cp1252"
                ),
                "Clé à 3 €",
                ONE,
            ),
            (
                "Excel's own delimiter line",
                b"\xef\xbb\xbfsep=;\r\nS. No.;Product Name;Input Image Urls\r\n1;Shoe;http://h/1.jpg\r\n",
                "Shoe",
                ONE,
            ),
            (
                "a quoted delimiter line",
                b'"sep=;"\nS. No.;Product Name;Input Image Urls\n1;Shoe;http://h/img.jpg?crop=0,0,100,100\n',
                "Shoe",
                CROP,
            ),
            (
                "tabs",
                b"S. No.\tProduct Name\tInput Image Urls\n1\tShoe, red\thttp://h/1.jpg\n",
                "Shoe, red",
                ONE,
            ),
            ("bars", b"S. No.|Product Name|Input Image Urls\n1|Shoe|http://h/1.jpg\n", "Shoe", ONE),
            (
                "empty columns at the end",
                b"S. No.,Product Name,Input Image Urls,,\r\n1,Shoe,http://h/1.jpg,,\r\n,,,,\r\n",
                "Shoe",
                ONE,
            ),
            ("an empty cell at the end of the rows", HEADER + b"1,Shoe,http://h/1.jpg,\r\n", "Shoe", ONE),
            ("blank lines first", b"\r\n \r\n,,\r\n" + HEADER + b"1,Shoe,http://h/1.jpg\r\n", "Shoe", ONE),
            (
                "carriage returns only",
                (HEADER + b"1,Shoe,http://h/1.jpg\r\n").replace(b"\r\n", b"\r"),
                "Shoe",
                ONE,
            ),
            (
                "blanks round quotes",
                b'"S. No.", "Product Name", "Input Image Urls"\n1, "Shoe, red" , "http://h/img.jpg?crop=0,0,100,100"\n',
                "Shoe, red",
                CROP,
            ),
            (
                "pandas with its index",
                b",S. No.,Product Name,Input Image Urls\n0,1,Shoe,http://h/1.jpg\n",
                "Shoe",
                ONE,
            ),
            (
                "pandas twice, with a column without a name",
                b"Unnamed: 0,S. No.,Product Name,Input Image Urls,Unnamed: 4\n0,1,Shoe,http://h/1.jpg,\n",
                "Shoe",
                ONE,
            ),
            (
                "R's write.csv with its row names and mended names",
                b'"","S..No.","Product.Name","Input.Image.Urls"\n"1",1,"Shoe","http://h/1.jpg"\n',
                "Shoe",
                ONE,
            ),
            (
                "PHP's fputcsv",
                b'"S. No.","Product Name","Input Image Urls"\n1,"5\\" nail, long","http://h/1.jpg"\n',
                '5\\" nail, long',
                ONE,
            ),
            (
                "PHP's fputcsv with a backslash at the end",
                b'"S. No.","Product Name","Input Image Urls"\n1,"C:\\a dir\\",http://h/1.jpg\n',
                "C:\\a dir\\",
                ONE,
            ),
            (
                "other spellings",
                b"Serial Number,product_name,Input Image URL\n1,Shoe,http://h/1.jpg\n",
                "Shoe",
                ONE,
            ),
            ("S No", b"S No,Product Name,Input Image Urls\n1,Shoe,http://h/1.jpg\n", "Shoe", ONE),
            (
                "a line end in the header",
                b'"S. No.","Product Name","Input Image\nUrls"\n1,Shoe,http://h/1.jpg\n',
                "Shoe",
                ONE,
            ),
            (
                "another order",
                b"Product Name,S. No.,Input Image Urls\nShoe,1,http://h/1.jpg\n",
                "Shoe",
                ONE,
            ),
            (
                "UTF-8 without a mark",
                "S. No.;Product Name;Input Image Urls\n1;Größe 靴;http://h/1.jpg\n".encode(),
                "Größe 靴",
                ONE,
            ),
        ]
    ],
)
def test_it_takes_csv_as_peoples_programs_write_it(data: bytes, product: str, urls: list[str]) -> None:
    parsed = read(data)
    assert parsed.errors == []
    assert [(row.serial, row.product, row.urls) for row in parsed.rows] == [("1", product, urls)]


def test_it_remembers_a_byte_order_mark() -> None:
    row = b"1,Shoe,http://h/1.jpg\r\n"
    assert read(b"\xef\xbb\xbf" + HEADER + row).has_bom
    assert not read(HEADER + row).has_bom


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("http://h/img.jpg?crop=0,0,100,100", CROP),
        (
            "http://h/f_auto,q_auto/a.jpg,http://h/f_auto,q_auto/b.jpg",
            ["http://h/f_auto,q_auto/a.jpg", "http://h/f_auto,q_auto/b.jpg"],
        ),
        (
            "http://h/1.jpg,\nhttp://h/2.jpg,\r\nHTTPS://h/3.jpg",
            ["http://h/1.jpg", "http://h/2.jpg", "HTTPS://h/3.jpg"],
        ),
        ("http://h/1.jpg\nhttp://h/2.jpg", ["http://h/1.jpg", "http://h/2.jpg"]),
        ("http://h/1.jpg http://h/2.jpg", ["http://h/1.jpg", "http://h/2.jpg"]),
        ("http://h/1.jpg; http://h/2.jpg", ["http://h/1.jpg", "http://h/2.jpg"]),
        (" , http://h/1.jpg , ,", ["http://h/1.jpg"]),
        ("http://h/my photo, red.jpg, http://h/2.jpg", ["http://h/my%20photo,%20red.jpg", "http://h/2.jpg"]),
        ("http://h/1.jpg,ftp://h/2.jpg", ["http://h/1.jpg", "ftp://h/2.jpg"]),
        ("http://h/a;b=1.jpg", ["http://h/a;b=1.jpg"]),
        ("https://h/fetch/w_10/https://o/1.jpg", ["https://h/fetch/w_10/https://o/1.jpg"]),
        ("no picture yet", ["no picture yet"]),
        (" ,\n; ", []),
        ("," * 100_000 + "x", ["x"]),
    ],
)
def test_a_cell_is_parted_only_where_another_address_follows(cell: str, wanted: list[str]) -> None:
    assert addresses(cell) == wanted


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml", ".xlsx"),
        (b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK", ".ods"),
        (b"PK\x03\x04" + b"\0" * 26 + b"Index/Document.iwa", ".numbers"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
        (b"<html><table><tr><td>S. No.</td>", "HTML"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_another_table_format_is_named_with_the_way_out(head: bytes, kind: str) -> None:
    (error,) = read(head + b"\0" * 100).errors
    assert error["code"] == "unsupported_format"
    assert kind in error["detail"]
    assert "save it as CSV" in error["detail"]


def test_another_header_is_told_beside_the_wanted_one() -> None:
    (error,) = read(b"id;title;link\n1;Shoe;http://h/1.jpg\n").errors
    assert (error["code"], error["line"]) == ("bad_header", 1)
    for part in ("`id`, `title`, `link`", "semicolons", "`S. No.`, `Product Name`, `Input Image Urls`"):
        assert part in error["detail"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Привет", "cp1251"), ("靴下です", "cp932"), ("שלום רב", "cp1255"), ("鞋子在这里", "gbk")],
)
def test_other_code_pages_are_refused_rather_than_misread(text: str, encoding: str) -> None:
    (error,) = read(HEADER + b"1," + text.encode(encoding) + b",http://h/1.jpg\n").errors
    assert (error["line"], error["code"]) == (2, "not_utf8")
    assert "UTF-8" in error["detail"]


def test_no_error_speaks_in_pythons_words() -> None:
    for data in (b'1,"open,http://a/1.jpg\n', b'1,"a"b,http://a/1.jpg\n', b'1,"' + b"x" * 150_000 + b'",y\n'):
        detail = read(HEADER + data).errors[0]["detail"]
        assert not any(word in detail for word in ("expected after", "unexpected end", "limit (", "RFC"))


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
        (b"\x89PNG\r\n\x1a\n\0\0", 1, "unsupported_format"),
        (HEADER.decode().encode("utf-16"), 1, "not_utf8"),
        (HEADER.decode().encode("utf-16-be"), 1, "not_utf8"),
        (HEADER + GOOD + b"2,\xff\xfe,http://a/1.jpg\n", 3, "not_utf8"),
        (HEADER + GOOD + b'2,"open,http://a/1.jpg\n3,B,http://a/3.jpg\n', 3, "malformed_csv"),
        (HEADER + b'1,"open' + b"\nx" * 200_000, 2, "malformed_csv"),
        (HEADER + b'1,"a"b,http://a/1.jpg\n', 2, "malformed_csv"),
        (HEADER + b'1,"' + b"x" * 150_000 + b'",http://a/1.jpg\n', 2, "cell_too_long"),
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
