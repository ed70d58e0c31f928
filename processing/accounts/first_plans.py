"""The plans every installation starts with."""

from __future__ import annotations

from typing import Any

from processing.accounts.models import MEGABYTE, Plan

GIGABYTE = 1024 * MEGABYTE

FIRST_PLANS: dict[str, dict[str, Any]] = {
    "Basic": {
        "thumbnail_heights": [200],
        "max_file_bytes": 20 * MEGABYTE,
        "max_files": 100,
        "storage_quota_bytes": 5 * GIGABYTE,
        "requests_per_minute": 600,
        "max_recipes": 5,
    },
    "Premium": {
        "thumbnail_heights": [200, 400],
        "keeps_original": True,
        "max_file_bytes": 50 * MEGABYTE,
        "max_files": 1000,
        "storage_quota_bytes": 100 * GIGABYTE,
        "requests_per_minute": 6000,
        "max_recipes": 50,
    },
    "Enterprise": {
        "thumbnail_heights": [200, 400],
        "keeps_original": True,
        "allows_links": True,
        "max_file_bytes": 200 * MEGABYTE,
        "max_files": 5000,
        "storage_quota_bytes": 2000 * GIGABYTE,
        "requests_per_minute": 60_000,
        "max_recipes": 200,
    },
}


def make_first_plans() -> None:
    """Makes the plans that are not there yet; an edited one stays as it is."""
    for name, values in FIRST_PLANS.items():
        Plan.objects.get_or_create(name=name, defaults=values)
