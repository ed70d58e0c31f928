"""What Django's own test client needs."""

from __future__ import annotations

import pytest
from django.conf import settings as real_settings
from pytest_django import Settings


@pytest.fixture(scope="session", autouse=True)
def static_root() -> None:
    """WhiteNoise warns where there is none, and warnings are errors here."""
    real_settings.STATIC_ROOT.mkdir(exist_ok=True)


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """A hash that takes no time: how slow the real one is, is Django's business."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
