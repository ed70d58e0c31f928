"""Turning a decoder's errors into answers."""

from __future__ import annotations

import errno
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image, ImageCms, UnidentifiedImageError

from processing.imaging.errors import ImageFailed
from processing.imaging.reading.endings import ends_early

# Named, not `Exception`: a time limit or a stop that the caller raises into our code must pass through.
DECODER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    ImageCms.PyCMSError,
)

# A picture can make us seek or map where no file reaches; every other system error is ours.
_CAUSED_BY_PICTURE = frozenset((errno.EINVAL, errno.EOVERFLOW, errno.ENXIO))

_ENDED_EARLY = re.compile(r"truncat|end[ -]of[ -](file|data)|unexpected end|premature", re.IGNORECASE)


@contextmanager
def decoder_faults(file: BinaryIO) -> Iterator[None]:
    """Raise ImageFailed for all that a bad picture makes Pillow raise.

    A full disk or a broken one is no picture's fault: such an OSError passes as it is.
    """
    try:
        with warnings.catch_warnings():
            # Odd metadata is the picture's business; warnings are for our own mistakes.
            warnings.simplefilter("ignore")
            yield
    except DECODER_ERRORS as error:
        raise _answer(error, file) from error


def _answer(error: BaseException, file: BinaryIO) -> BaseException:
    if _is_out_of_memory(error):
        return ImageFailed("out_of_memory", "There was not enough memory for this picture.", permanent=False)
    if isinstance(error, OSError) and error.errno not in (None, *_CAUSED_BY_PICTURE):
        return error
    if isinstance(error, EOFError) or _ENDED_EARLY.search(str(error)) or _ends_early(file):
        return ImageFailed("truncated", "The file ends before the picture does.")
    if isinstance(error, UnidentifiedImageError):
        return ImageFailed("undecodable", "The header of this picture is damaged.")
    return ImageFailed("undecodable", f"The picture is damaged ({type(error).__name__}).")


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, OSError) and (error.errno == errno.ENOMEM or "out of memory" in str(error))


def _ends_early(file: BinaryIO) -> bool:
    try:
        return ends_early(file)
    except (OSError, ValueError):  # closed by the decoder that failed
        return False
