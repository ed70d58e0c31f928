"""Decoders with bugs: a file whose comment asks for it does to its process what a broken library does.

On the PYTHONPATH of a test's service Python loads this by itself at the start. The code of the service is
what it always is; only Pillow is worse.
"""

import ctypes
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from typing import Any

MAGIC = b"poison:"


def crash() -> None:
    ctypes.string_at(0)


def hang_in_c() -> None:
    """Never comes back, holds the interpreter's lock, and no signal wakes it: a mutex locked twice."""
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)


def loop_in_python() -> None:
    while True:
        pass


def eat_memory() -> None:
    eaten = []
    while True:
        eaten.append(bytes(2**28))


BUGS = {b"crash": crash, b"hang": hang_in_c, b"loop": loop_in_python, b"eat": eat_memory}


def poisoned(load: Callable[..., Any]) -> Callable[..., Any]:
    def worse(self: Any, *args: Any, **kwargs: Any) -> Any:
        comment = getattr(self, "info", {}).get("comment") or b""
        if isinstance(comment, bytes) and comment.startswith(MAGIC):
            BUGS[comment.removeprefix(MAGIC)]()
        return load(self, *args, **kwargs)

    return worse


class Finder(MetaPathFinder):
    """Changes Pillow's loader when, and if, Pillow is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "PIL.ImageFile":
            return None
        sys.meta_path.remove(self)
        spec: Any = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            module.ImageFile.load = poisoned(module.ImageFile.load)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
