"""Packages from the npm registry, unchanged, in a folder of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def installed(folder: Path, *packages: str) -> Path:
    """The folder, with the packages in its `node_modules`; skips the test where npm is missing."""
    if not shutil.which("npm"):
        pytest.skip("needs node and npm")
    folder.mkdir(exist_ok=True)
    # npm would else look for a package further up and put them there.
    (folder / "package.json").write_text('{"private": true}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", *packages]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=400)
    return folder
