"""Which renditions to make of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """`heights` (px) give one `thumbnail-<height>` each; `web` is at most `web_width` px wide.

    `full_size_quality` asks for one more JPEG, `compressed`, in the size of the original.
    """

    heights: tuple[int, ...]
    web_width: int = 1500
    quality: int = 80
    full_size_quality: int | None = None

    def __post_init__(self) -> None:
        if min((*self.heights, self.web_width)) < 1:
            raise ValueError("Heights and widths are whole numbers of pixels from 1.")
        for quality in (self.quality, self.full_size_quality):
            if quality is not None and not 1 <= quality <= 95:
                raise ValueError("JPEG quality is a whole number from 1 to 95.")

    def to_json(self) -> dict[str, Any]:
        return {
            "heights": list(self.heights),
            "web_width": self.web_width,
            "quality": self.quality,
            "full_size_quality": self.full_size_quality,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        return cls(**{**data, "heights": tuple(data["heights"])})

    def names(self) -> set[str]:
        """The names of the renditions it gives."""
        full_size = {"compressed"} if self.full_size_quality else set()
        return {"web", *(f"thumbnail-{height}" for height in self.heights)} | full_size
