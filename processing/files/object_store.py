"""The bytes in S3, behind the same door as files on a disk.

django-storages keeps the settings and the session. Reading, writing and deleting are one request each here,
with time limits and bounded retries, and every failure is an OSError: the pipeline's verdicts hold for both.
"""

from __future__ import annotations

import io
import logging
import os
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from processing.files.storage import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.core.files.base import File

logger = logging.getLogger(__name__)

_IN_MEMORY = 8 * 1024 * 1024
_PIECE = 256 * 1024
_READS = 3
_READ_SECONDS = 120.0
# Four tries of a request: about 8 s where nobody answers at all, 40 s where the server hangs.
_CONFIG = {
    "connect_timeout": 3,
    "read_timeout": 8,
    "retries": {"mode": "standard", "total_max_attempts": 4},
    "max_pool_connections": 32,
    "signature_version": "s3v4",
    "tcp_keepalive": True,
    # Not every S3 server takes the checksums that boto3 adds of its own accord; TLS and the length protect.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
# No threads: what a worker does at once is its own decision.
_TRANSFER = TransferConfig(use_threads=False, multipart_threshold=64 * 1024 * 1024)


class Objects(S3Storage):
    """Objects of one bucket, under `location`."""

    public_endpoint_url: str | None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._clients: dict[tuple[int, str | None], Any] = {}
        self._lock = threading.Lock()

    def get_default_settings(self) -> dict[str, Any]:
        return {**super().get_default_settings(), "public_endpoint_url": None}

    def client(self, endpoint_url: str | None) -> Any:
        """One for all threads of a process: clients may be shared, but not made at the same time."""
        wanted = (os.getpid(), endpoint_url)
        with self._lock:
            if wanted not in self._clients:
                # Only AWS itself is sure to have a host name for each bucket.
                style = {"addressing_style": "path" if endpoint_url else "auto"}
                self._clients[wanted] = self._create_session().client(
                    "s3",
                    region_name=self.region_name,
                    endpoint_url=endpoint_url,
                    config=Config(**_CONFIG, s3=style),
                )
            return self._clients[wanted]

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def exists(self, name: str) -> bool:
        with _as_os_errors(name):
            try:
                self.client(self.endpoint_url).head_object(Bucket=self.bucket_name, Key=self._key(name))
            except ClientError as error:
                if _status(error) == 404:
                    return False
                raise
        return True

    def delete(self, name: str) -> None:
        with _as_os_errors(name):
            self.client(self.endpoint_url).delete_object(Bucket=self.bucket_name, Key=self._key(name))

    def presigned(self, name: str, seconds: int, **response: str) -> str | None:
        """An address for the public that is good for `seconds`; None where clients can't reach the bucket."""
        if not self.public_endpoint_url:
            return None
        parameters = {"Bucket": self.bucket_name, "Key": self._key(name), **response}
        url: str = self.client(self.public_endpoint_url).generate_presigned_url(
            "get_object", Params=parameters, ExpiresIn=seconds
        )
        return url

    def _key(self, name: str) -> str:
        return str(self._normalize_name(name))

    def _save(self, name: str, content: File[Any]) -> str:
        given = {"Bucket": self.bucket_name, "Key": self._key(name)}
        parameters = self._get_write_parameters(given["Key"], content)
        client = self.client(self.endpoint_url)
        with _as_os_errors(name):
            if hasattr(content, "temporary_file_path"):
                path = Path(content.temporary_file_path())
                client.upload_file(str(path), *given.values(), ExtraArgs=parameters, Config=_TRANSFER)
                path.unlink()
            else:
                client.put_object(**given, **parameters, Body=content.read())
        return name

    def open_part(self, name: str, part: range) -> IO[bytes]:
        """Raises FileNotFoundError; an empty part only asks whether it is there."""
        if not part:
            if not self.exists(name):
                raise FileNotFoundError(f"There is no object {name}.")
            return io.BytesIO()
        return io.BufferedReader(_Part(self, name, part), _PIECE)

    def ask_part(self, name: str, part: range) -> Any:
        """The body of a part's bytes, as they come."""
        asked = f"bytes={part.start}-{part.stop - 1}"
        with _as_os_errors(name):
            return self.client(self.endpoint_url).get_object(
                Bucket=self.bucket_name, Key=self._key(name), Range=asked
            )["Body"]

    def listed(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """Name below `location`, size and time of each object whose name begins so."""
        root = self._key("x")[:-1]
        pages = self.client(self.endpoint_url).get_paginator("list_objects_v2")
        with _as_os_errors(prefix):
            for page in pages.paginate(Bucket=self.bucket_name, Prefix=f"{root}{prefix}"):
                for found in page.get("Contents", ()):
                    yield found["Key"].removeprefix(root), found["Size"], found["LastModified"].timestamp()

    def save_all(self, files: Iterable[tuple[str, File[Any]]]) -> None:
        for name, content in files:
            self.save(name, content)

    def _open(self, name: str, mode: str = "rb") -> IO[bytes]:
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        try:
            with _as_os_errors(name):
                self._read(self._key(name), file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def _read(self, key: str, file: IO[bytes]) -> None:
        """boto3 tries a request again, but not a body that breaks off."""
        for left in reversed(range(_READS)):
            try:
                self._read_once(key, file)
                return
            except (BotoCoreError, HTTPError, OSError) as error:
                if not left or isinstance(error, StorageUnavailable):
                    raise
                logger.warning("Storage: %s broke off, reading it again: %s", key, type(error).__name__)

    def _read_once(self, key: str, file: IO[bytes]) -> None:
        file.seek(0)
        file.truncate()
        end = time.monotonic() + _READ_SECONDS
        body = self.client(self.endpoint_url).get_object(Bucket=self.bucket_name, Key=key)["Body"]
        try:
            while piece := body.read(_PIECE):
                file.write(piece)
                if time.monotonic() > end:
                    raise StorageUnavailable(f"{key} took longer than {_READ_SECONDS:.0f} s")
        finally:
            body.close()


class _Part(io.RawIOBase):
    """Some bytes of an object, fetched while they are read; a body that breaks off is asked for the rest."""

    def __init__(self, store: Objects, name: str, part: range) -> None:
        super().__init__()
        self._store, self._name, self._left = store, name, part
        self._body = store.ask_part(name, part)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        for left in reversed(range(_READS)):
            try:
                data = self._read(len(into))
                into[: len(data)] = data
                return len(data)
            except OSError as error:
                if not left:
                    raise
                logger.warning("Storage: %s broke off, asking for the rest: %s", self._name, error)
                self._body.close()
                self._body = self._store.ask_part(self._name, self._left)
        return 0

    def _read(self, most: int) -> bytes:
        most = min(most, len(self._left))
        with _as_os_errors(self._name):
            data: bytes = self._body.read(most)
        if most and not data:
            raise StorageUnavailable(f"{self._name} ended {len(self._left):,} bytes too early")
        self._left = self._left[len(data) :]
        return data

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


@contextmanager
def _as_os_errors(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
            raise FileNotFoundError(f"There is no object {name}.") from error
        raise StorageUnavailable(f"{name}: {error}") from error
    except (BotoCoreError, Boto3Error, HTTPError) as error:
        raise StorageUnavailable(f"{name}: {type(error).__name__}: {error}") from error


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
