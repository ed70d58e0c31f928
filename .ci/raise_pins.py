"""Raises pins in requirements*.txt to the newest releases that go together: raise_pins.py [NAME...].

A comment `# below 6` in a pin's line is heeded.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"]
UV = ROOT / ".venv" / "bin" / "uv"
_PIN = re.compile(r"^(?P<name>[\w.-]+)(?P<extra>\[[\w,]+\])?==(?P<version>\S+)(?P<rest>.*)$", re.MULTILINE)
_BELOW = re.compile(r"# below ([\w.]+)")


def main(names: set[str]) -> None:
    wanted = [_wish(pin, names) for file in FILES for pin in _PIN.finditer(file.read_text())]
    newest = _resolved("\n".join(wanted))
    for file in FILES:
        file.write_text(_PIN.sub(lambda pin: _raised(pin, newest), file.read_text()))


def _wish(pin: re.Match[str], names: set[str]) -> str:
    """The pin without its version; as it is where others are named."""
    name, extra = pin["name"], pin["extra"] or ""
    if names and name not in names:
        return f"{name}{extra}=={pin['version']}"
    below = _BELOW.search(pin["rest"])
    return f"{name}{extra}<{below[1]}" if below else f"{name}{extra}"


def _resolved(wanted: str) -> dict[str, str]:
    """Versions by name, one for every Python from 3.11 on."""
    options = (
        "--universal",
        "--python-version",
        "3.11",
        "--fork-strategy",
        "fewest",
        "--no-header",
        "--no-annotate",
    )
    command = (UV, "pip", "compile", "--quiet", *options, "-")
    found = subprocess.run(command, input=wanted, capture_output=True, text=True, check=True).stdout
    return {pin["name"]: pin["version"] for pin in _PIN.finditer(found)}


def _raised(pin: re.Match[str], newest: dict[str, str]) -> str:
    version = newest[re.sub(r"[-_.]+", "-", pin["name"]).lower()]
    if version != pin["version"]:
        print(f"{pin['name']}: {pin['version']} -> {version}")
    return f"{pin['name']}{pin['extra'] or ''}=={version}{pin['rest']}"


if __name__ == "__main__":
    main(set(sys.argv[1:]))
