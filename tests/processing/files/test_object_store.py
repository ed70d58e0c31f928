"""The storage door on a real S3 server, well and ill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.files.storage import storages

from imageapi import media
from processing.files import storage
from processing.files.storage import StorageUnavailable
from tests.object_server import FaultProxy, ObjectServer, own_bucket

KEY = "abcdefghijklmnopqrstuv"


@pytest.fixture
def s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[tuple[ObjectServer, FaultProxy]]:
    with own_bucket(tmp_path, monkeypatch, settings) as (server, proxy):
        yield server, proxy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "incoming"
    path.write_bytes(b"original" * 100_000)
    return path


def test_it_takes_a_file_over_and_gives_it_back(s3: tuple[ObjectServer, FaultProxy], file: Path) -> None:
    storage.put_original(KEY, file)
    assert not file.exists()
    with storage.open_original(KEY) as opened:
        assert opened.read() == b"original" * 100_000
        opened.seek(8)
        assert opened.read(8) == b"original"
    server, _ = s3
    assert [path.relative_to(server.bucket) for path in server.objects("originals")] == [
        Path("originals/ab") / KEY
    ]


def test_a_large_file_goes_in_parts(s3: tuple[ObjectServer, FaultProxy], tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"0123456789abcdef" * (70 * 65_536))
    storage.put_original(KEY, path)
    with storage.open_original(KEY) as opened:
        size = sum(len(piece) for piece in iter(lambda: opened.read(1 << 20), b""))
    assert size == 70 * 1024 * 1024


@pytest.mark.usefixtures("s3")
def test_what_is_missing_is_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError):
        storage.open_original(KEY)
    with pytest.raises(FileNotFoundError):
        storage.open_rendition(KEY, "web.0123456789abcdef.jpg")
    storage.drop_originals([KEY])


@pytest.mark.usefixtures("s3")
def test_writing_twice_leaves_one(s3: tuple[ObjectServer, FaultProxy]) -> None:
    for _ in range(2):
        storage.put_rendition(KEY, "web.0123456789abcdef.jpg", b"jpeg")
    assert len(s3[0].objects("renditions")) == 1
    storage.drop_renditions(KEY, ["web.0123456789abcdef.jpg"])
    assert s3[0].objects("renditions") == []


@pytest.mark.usefixtures("s3")
def test_renditions_carry_their_headers() -> None:
    storage.put_rendition(KEY, "web.0123456789abcdef.jpg", b"jpeg")
    store: Any = storages["renditions"]
    head = store.client(store.endpoint_url).head_object(
        Bucket=store.bucket_name, Key=store._key(storage.rendition_name(KEY, "web.0123456789abcdef.jpg"))
    )
    assert head["ContentType"] == "image/jpeg"
    assert head["CacheControl"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("fault", ["500", "503", "drop", "cut", "slow"])
def test_a_passing_fault_is_not_noticed(s3: tuple[ObjectServer, FaultProxy], file: Path, fault: str) -> None:
    _, proxy = s3
    proxy.fault = lambda number, *_: fault if number % 2 else None
    storage.put_original(KEY, file)
    with storage.open_original(KEY) as opened:
        assert opened.read() == b"original" * 100_000
    assert proxy.faults


def test_a_part_fetches_no_more_than_itself(s3: tuple[ObjectServer, FaultProxy], file: Path) -> None:
    storage.put_original(KEY, file)
    _, proxy = s3
    before = proxy.sent
    with storage.open_original_part(KEY, range(400_004, 400_012)) as opened:
        assert opened.read(8) == b"inalorig"
    storage.open_original_part(KEY, range(0)).close()
    assert proxy.sent - before < 10_000, "800,000 bytes lie there"
    with pytest.raises(FileNotFoundError):
        storage.open_original_part(f"{KEY[:-1]}x", range(8))
    with pytest.raises(FileNotFoundError):
        storage.open_original_part(f"{KEY[:-1]}x", range(0))


def test_a_part_that_breaks_off_goes_on_where_it_was(s3: tuple[ObjectServer, FaultProxy], file: Path) -> None:
    storage.put_original(KEY, file)
    _, proxy = s3
    first = proxy.count
    proxy.fault = lambda number, *_: "cut" if number == first + 1 else None
    with storage.open_original_part(KEY, range(16, 800_000)) as opened:
        assert opened.read(799_984) == b"original" * 99_998
    assert proxy.faults


def test_a_lasting_fault_ends_after_a_few_tries(s3: tuple[ObjectServer, FaultProxy], file: Path) -> None:
    _, proxy = s3
    proxy.fault = lambda *_: "500"
    with pytest.raises(StorageUnavailable):
        storage.put_original(KEY, file)
    assert file.exists()
    assert proxy.count == 4


def test_a_server_that_is_gone_is_unavailable(s3: tuple[ObjectServer, FaultProxy]) -> None:
    server, _ = s3
    server.kill()
    with pytest.raises(StorageUnavailable):
        storage.put_rendition(KEY, "web.0123456789abcdef.jpg", b"jpeg")
    storage.drop_originals([KEY])  # leftovers undo nothing


def test_a_refusal_is_not_a_missing_file(
    s3: tuple[ObjectServer, FaultProxy], monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    for name, value in (("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_STORAGE_BUCKET_NAME", "nothing")):
        monkeypatch.setenv(name, value)
        settings.STORAGES = {**settings.STORAGES, **media.storages(tmp_path)}
        with pytest.raises(StorageUnavailable):
            storage.open_original(KEY)


def test_the_public_gets_a_short_lived_address(
    s3: tuple[ObjectServer, FaultProxy],
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    tmp_path: Path,
    file: Path,
) -> None:
    assert storage.original_link(KEY, "attachment", "image/jpeg") is None
    _, proxy = s3
    monkeypatch.setenv("AWS_S3_PUBLIC_ENDPOINT_URL", proxy.url)
    settings.STORAGES = {**settings.STORAGES, **media.storages(tmp_path)}
    storage.put_original(KEY, file)
    link = storage.original_link(KEY, 'attachment; filename="a.jpg"', "image/jpeg")
    assert link is not None
    answer = httpx.get(link)
    assert (answer.status_code, answer.content) == (200, b"original" * 100_000)
    assert httpx.get(link.split("?")[0]).status_code in (400, 403)
    assert "X-Amz-Expires=60" in link


def test_without_a_bucket_the_bytes_are_in_a_folder(tmp_path: Path, file: Path) -> None:
    assert media.storages(tmp_path)["originals"]["OPTIONS"] == {"location": tmp_path / "originals"}
