"""A SHA-256 that can be put aside and gone on with, in another process as well.

hashlib's objects can't be written down. OpenSSL's `SHA256_CTX` can: it is a plain structure of eight words,
a bit count and the bytes of the block that is not full yet (openssl/sha.h; FIPS 180-4, section 6.2). Kept are
the words and that block: the count follows from the offset. Where there is no libcrypto that does it as
hashlib does, `resume` gives None, and the file is read once more when it is whole.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import struct
from functools import cache
from typing import Any

_BLOCK = 64
# h[8], the count of bits in two halves, the block, its fill, the digest's length.
_CONTEXT = struct.Struct("=8I2I64s2I")


class RunningHash:
    """The SHA-256 of all bytes so far."""

    def __init__(self, library: Any, context: bytes) -> None:
        self._library = library
        self._context = ctypes.create_string_buffer(context, _CONTEXT.size)

    def update(self, data: bytes) -> None:
        self._library.SHA256_Update(self._context, data, len(data))

    def state(self) -> bytes:
        """What `resume` goes on from: the words, big-endian, and the open block."""
        *words, _low, _high, block, fill, _length = _CONTEXT.unpack(self._context.raw)
        return struct.pack(">8I", *words) + block[:fill]

    def hexdigest(self) -> str:
        context = ctypes.create_string_buffer(self._context.raw, _CONTEXT.size)
        digest = ctypes.create_string_buffer(32)
        self._library.SHA256_Final(digest, context)
        return digest.raw.hex()


def resume(state: bytes, offset: int) -> RunningHash | None:
    """The hash of `offset` bytes, from what `state()` gave; from nothing at offset 0. None: not possible."""
    library = _library()
    if library is None or (not state and offset):
        return None
    if not state:
        context = ctypes.create_string_buffer(_CONTEXT.size)
        library.SHA256_Init(context)
        return RunningHash(library, context.raw)
    words, block, bits = struct.unpack(">8I", state[:32]), state[32:], offset * 8
    if len(block) != offset % _BLOCK:
        return None
    low, high = bits & 0xFFFF_FFFF, bits >> 32
    return RunningHash(library, _CONTEXT.pack(*words, low, high, block, len(block), 32))


@cache
def _library() -> Any:
    """libcrypto, once it has hashed as hashlib does; None where it is not there, or is another."""
    name = ctypes.util.find_library("crypto")
    try:
        library = ctypes.CDLL(name) if name else None
        if library is None:
            return None
        library.SHA256_Update.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        return library if _is_right(library) else None
    except (OSError, AttributeError):
        return None


def _is_right(library: Any) -> bool:
    """Whether the structure is the one above: half of a text, put aside, gone on with."""
    text = bytes(range(100))
    context = ctypes.create_string_buffer(256)  # more than it needs, should it be another
    library.SHA256_Init(context)
    running = RunningHash(library, context.raw[: _CONTEXT.size])
    running.update(text[:70])
    *words, low, _high, block, fill, _length = _CONTEXT.unpack(running._context.raw)
    if (low, fill, block[:fill]) != (70 * 8, 6, text[64:70]):
        return False
    later = RunningHash(library, _CONTEXT.pack(*words, low, 0, block[:6], 6, 32))
    later.update(text[70:])
    return later.hexdigest() == hashlib.sha256(text).hexdigest()
