"""Pictures as values: bytes in, renditions out.

No settings, no clock, no database; the only state is Pillow's list of codecs.
"""

from __future__ import annotations

from processing.imaging.errors import ImageFailed
from processing.imaging.palette import Color, dominant_colors
from processing.imaging.pixels.geometry import fit_within
from processing.imaging.placeholder import thumbhash
from processing.imaging.reading.formats import FORMATS, Format, prove_codecs
from processing.imaging.reading.probe import Probe, probe
from processing.imaging.recipes import InvalidRecipe, Recipe
from processing.imaging.renditions import Made, Rendition, make

__all__ = [
    "FORMATS",
    "Color",
    "Format",
    "ImageFailed",
    "InvalidRecipe",
    "Made",
    "Probe",
    "Recipe",
    "Rendition",
    "dominant_colors",
    "fit_within",
    "make",
    "probe",
    "prove_codecs",
    "thumbhash",
]
