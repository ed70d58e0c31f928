"""What can be wrong with a picture."""

from __future__ import annotations


class ImageFailed(Exception):
    """A picture cannot be used: `code` for programs, `detail` for people, `permanent` for the retry loop.

    Codes: unsupported_format, too_many_pixels, file_too_large, empty_file, undecodable, truncated, timeout,
    out_of_memory.
    """

    def __init__(self, code: str, detail: str = "", *, permanent: bool = True) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail or code
        self.permanent = permanent

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
