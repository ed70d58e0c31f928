"""Where the bytes live, as Django's STORAGES wants it: a folder, or a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imageapi import env

_FOREVER = "public, max-age=31536000, immutable"


def storages(root: Path) -> dict[str, Any]:
    """Originals and renditions: below `root`, or in S3 where AWS_STORAGE_BUCKET_NAME is set."""
    bucket = env.text("AWS_STORAGE_BUCKET_NAME", None)
    if bucket is None:
        return {
            "originals": _folder("processing.files.storage.DurableFiles", root / "originals"),
            "renditions": _folder("processing.files.storage.Files", root / "renditions"),
        }
    return {
        # Private, whatever the bucket's policy says of it: never shown inline.
        "originals": _bucket(bucket, "originals", {"ContentDisposition": "attachment"}),
        "renditions": _bucket(bucket, "renditions", {"CacheControl": _FOREVER}),
    }


def _folder(backend: str, location: Path) -> dict[str, Any]:
    return {"BACKEND": backend, "OPTIONS": {"location": location}}


def _bucket(name: str, location: str, parameters: dict[str, str]) -> dict[str, Any]:
    http = ("http", "https")
    return {
        "BACKEND": "processing.files.object_store.Objects",
        "OPTIONS": {
            "bucket_name": name,
            "access_key": env.text("AWS_ACCESS_KEY_ID", None),
            "secret_key": env.text("AWS_SECRET_ACCESS_KEY", None),
            "region_name": env.text("AWS_REGION", None),
            "endpoint_url": env.url("AWS_S3_ENDPOINT_URL", None, schemes=http),
            "public_endpoint_url": env.url("AWS_S3_PUBLIC_ENDPOINT_URL", None, schemes=http),
            "location": location,
            "object_parameters": parameters,
            "default_acl": None,
        },
    }
