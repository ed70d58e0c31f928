"""Text without what nobody sees: controls, line separators, marks that turn the direction or hide letters."""

from __future__ import annotations

import re
import unicodedata

# Control and format characters, line and paragraph separators: none of them is part of a word.
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
# Of Unicode's Default_Ignorable_Code_Point those of other categories, and the blank of Braille. U+FE0E and
# U+FE0F stay: they say whether a sign is text or emoji.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0d\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"
# Where a joiner is part of the spelling: between letters of Arabic and Indic scripts, and inside emoji.
_JOINED = "[\u0600-\u109f\u1780-\u18af\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"
_STRAY_JOINER = re.compile(f"(?<!{_JOINED})[{_JOINERS}]|[{_JOINERS}](?!{_JOINED})")


def visible(text: str) -> str:
    """The text without invisible characters; a line or paragraph separator becomes a blank."""
    kept = "".join(
        char
        for char in text
        if char in _JOINERS or unicodedata.category(char) not in _HIDDEN or char in "\u2028\u2029"
    )
    return re.sub("[\u2028\u2029]", " ", _STRAY_JOINER.sub("", _INVISIBLE.sub("", kept)))
