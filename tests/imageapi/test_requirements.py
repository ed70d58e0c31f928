"""requirements.txt is true: what is imported is pinned, and what is pinned is what the locks install."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.stack import ROOT

PACKAGES = ("imageapi", "uploads", "processing", "realtime")
# Their modules are in more than one distribution: daphne and autobahn add plugins to twisted's.
PLUGINS = {"twisted": {"twisted"}}


def pins(file: str) -> dict[str, str]:
    """Versions by name."""
    text = (ROOT / file).read_text()
    found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", text, re.MULTILINE)
    return {_normal(name): version for name, version in found}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> set[str]:
    modules = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    modules.add(node.module.split(".")[0])
    return modules - set(sys.stdlib_module_names) - set(PACKAGES)


def test_everything_that_is_imported_is_pinned() -> None:
    pinned, found = set(pins("requirements.txt")), packages_distributions()
    missing = {
        module
        for module in imported()
        if not {_normal(name) for name in PLUGINS.get(module, found.get(module, [module]))} & pinned
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("pinned", "locked"),
    [
        ("requirements.txt", "requirements.lock"),
        ("requirements-dev.txt", "requirements-dev.lock"),
        ("requirements.txt", "requirements-dev.lock"),
    ],
)
def test_the_locks_hold_the_pinned_versions(pinned: str, locked: str) -> None:
    """`make lock` writes them."""
    assert pins(pinned).items() <= pins(locked).items()


@pytest.mark.parametrize("locked", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_version_has_its_hashes(locked: str) -> None:
    entries = re.split(r"^(?=[\w.-]+==)", (ROOT / locked).read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
