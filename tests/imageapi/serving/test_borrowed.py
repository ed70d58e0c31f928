"""Names of Twisted and daphne that the server uses although nobody promises them: all are listed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from imageapi.serving import borrowed
from tests.stack import ROOT

SOURCES = sorted((ROOT / "imageapi" / "serving").glob("*.py"))


def private_names_of_others(path: Path) -> Iterator[str]:
    """`x._name` where `x` is not the object itself, and methods that a class defines over a base's."""
    tree = ast.parse(path.read_text())
    own = {
        target.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        for target in [node]
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    } | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            mine = isinstance(node.value, ast.Name) and node.value.id == "self" and node.attr in own
            if not mine:
                yield node.attr


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def overridden_private_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        for method in node.body if isinstance(node, ast.ClassDef) and node.bases else ():
            name = getattr(method, "name", "")
            if is_private(name) and name in dir(borrowed.HTTPChannel):
                yield name


def test_every_private_name_of_theirs_that_is_used_is_listed() -> None:
    listed = {name for names in (*borrowed.ATTRIBUTES.values(), *borrowed.SET_IN.values()) for name in names}
    used = {name for path in SOURCES for name in private_names_of_others(path)}
    used |= {name for path in SOURCES for name in overridden_private_names(path)}
    # Django's own handler class, which its responses carry (django.core.handlers.base).
    assert used - {"_handler_class"} <= listed, sorted(used - listed)


def test_what_is_listed_is_there() -> None:
    borrowed.check()


@pytest.mark.parametrize(
    ("table", "owner"), [("ATTRIBUTES", borrowed.HTTPChannel), ("SET_IN", borrowed.HTTPChannel.lineReceived)]
)
def test_a_version_without_one_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch, table: str, owner: object
) -> None:
    monkeypatch.setitem(getattr(borrowed, table), owner, ("_renamed",))
    with pytest.raises(borrowed.ServerChanged, match=r"Twisted .* and daphne .* have no .*_renamed"):
        borrowed.check()
