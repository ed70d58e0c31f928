"""Pieces of the administrators' pages: thumbnails, swatches, bars.

Colours of swatches are SVG attributes, not styles: they show under a strict Content-Security-Policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from processing.files.storage import rendition_url

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

    from processing.models import Image

NOTHING = "–"


def thumbnail(image: Image, *, most_height: int = 64) -> SafeString | str:
    """The smallest rendition, drawn at most `most_height` px high."""
    if not image.renditions:
        return NOTHING
    smallest = min(image.renditions, key=lambda rendition: rendition["height"])
    height = min(most_height, smallest["height"])
    width = max(1, round(smallest["width"] * height / smallest["height"]))
    url = rendition_url(image.key, smallest["file"])
    return format_html(
        '<img class="look-thumbnail" src="{}" width="{}" height="{}" loading="lazy" alt="">',
        url,
        width,
        height,
    )


def swatches(image: Image) -> SafeString | str:
    """Its colours, each as wide as its share."""
    if not image.colors:
        return NOTHING
    left, bars = 0.0, []
    total = sum(color["share"] for color in image.colors) or 1
    for color in image.colors:
        width = 80 * color["share"] / total
        bars.append((f"{left:.1f}", f"{width:.1f}", color["hex"], f"{color['hex']} {color['share']:.0%}"))
        left += width
    bar = '<rect x="{}" y="0" width="{}" height="20" fill="{}"><title>{}</title></rect>'
    return format_html(
        '<svg class="look-swatches" width="80" height="20" role="img" aria-label="{}">{}</svg>',
        ", ".join(color["hex"] for color in image.colors),
        format_html_join("", bar, bars),
    )


def status(value: str) -> SafeString:
    return format_html('<span class="look-status look-{}">{}</span>', value, value)


def line(*parts: str) -> SafeString:
    """Parts below each other, none of them broken."""
    return format_html_join("", '<div class="look-line">{}</div>', ((part,) for part in parts))


def moment(value: datetime | None) -> str:
    """To the minute, in UTC."""
    return value.strftime("%Y-%m-%d %H:%M") if value else NOTHING


def progress(done: int, total: int, *, failed: int = 0) -> SafeString:
    """A bar with its numbers."""
    text = f"{done:,} of {total:,}" + (f", {failed:,} failed" if failed else "")
    return format_html('<progress class="look-bar" max="{}" value="{}"></progress> {}', total, done, text)


def usage(used: int, quota: int) -> SafeString:
    """A bar that turns red as the quota fills up."""
    return format_html(
        '<meter class="look-bar" min="0" max="{}" high="{}" optimum="0" value="{}"></meter> {} of {}',
        max(quota, 1),
        int(quota * 0.9),
        used,
        filesizeformat(used),
        filesizeformat(quota),
    )


def link(text: str, view: str, **query: object) -> SafeString:
    """A link to a view of the administration, with these parameters."""
    return format_html('<a href="{}?{}">{}</a>', reverse(view), urlencode(query), text)
