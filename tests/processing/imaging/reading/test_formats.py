from __future__ import annotations

import pytest
from PIL import Image

from processing.imaging import FORMATS, prove_codecs
from processing.imaging.reading.formats import claimed_format


def test_every_codec_is_proven_with_a_real_file() -> None:
    prove_codecs()


@pytest.mark.parametrize("plugin", [known.plugin for known in FORMATS])
def test_a_missing_codec_is_named(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.OPEN, plugin)
    monkeypatch.setattr(Image, "_initialized", 2)
    with pytest.raises(RuntimeError, match=f"{plugin} codec is missing"):
        prove_codecs()


def test_each_format_has_its_own_names() -> None:
    for field in ("plugin", "content_type", "extension"):
        assert len({getattr(known, field) for known in FORMATS}) == 8


@pytest.mark.parametrize(
    "head", [b"", b"x", b"GIF", b"<svg xmlns='", b"%PDF-1.4", b"%!PS-Adobe-3.0", b"8BPS\0\1"]
)
def test_no_format_claims_what_is_none_of_them(head: bytes) -> None:
    assert claimed_format(head) is None
