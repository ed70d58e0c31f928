"""One version number, wherever it is said."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from imageapi import __version__
from tests.stack import ROOT


def test_manage_py_says_the_services_version() -> None:
    for argument in ("version", "--version"):
        said = subprocess.run(
            (sys.executable, "manage.py", argument), cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert said.stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("Dockerfile", r"org\.opencontainers\.image\.version=(\S+)"),
        ("docs/asyncapi.yaml", r"^  version: (\S+)$"),
    ],
)
def test_what_cannot_ask_says_the_same(file: str, pattern: str) -> None:
    assert re.findall(pattern, (ROOT / file).read_text(), re.MULTILINE) == [__version__]
