"""Where in its cell a colour lies: few of the images that a cell names must be looked at any more."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# sRGB `#rrggbb` to its place. Formulas by Björn Ottosson, https://bottosson.github.io/posts/oklab/ ; the sRGB
# curve from IEC 61966-2-1.
_PLACE = """
CREATE FUNCTION processing_color_place(hex text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT (round(1023 * (0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s))::integer << 20)
        + (round(1023 / 0.8 * (0.4 + 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s))::integer << 10)
        + round(1023 / 0.8 * (0.4 + 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s))::integer
    FROM (
        SELECT cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) AS l,
               cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) AS m,
               cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) AS s
        FROM (
            SELECT max(v) FILTER (WHERE place = 0) AS r, max(v) FILTER (WHERE place = 1) AS g,
                   max(v) FILTER (WHERE place = 2) AS b
            FROM (
                SELECT place, CASE WHEN e <= 0.04045 THEN e / 12.92 ELSE power((e + 0.055) / 1.055, 2.4) END AS v
                FROM (
                    SELECT place, get_byte(decode(substr(hex, 2), 'hex'), place) / 255.0::float8 AS e
                    FROM generate_series(0, 2) AS place
                ) AS encoded
            ) AS linear
        ) AS channels
    ) AS cones
$$
"""
# The square of the distance in OKLab from a place to (l, a, b); plain enough to be inlined.
_APART = """
CREATE FUNCTION processing_places_apart(place integer, l float8, a float8, b float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ((place >> 20) / 1023.0::float8 - l) * ((place >> 20) / 1023.0::float8 - l)
        + ((place >> 10 & 1023) * (0.8::float8 / 1023) - 0.4 - a) * ((place >> 10 & 1023) * (0.8::float8 / 1023) - 0.4 - a)
        + ((place & 1023) * (0.8::float8 / 1023) - 0.4 - b) * ((place & 1023) * (0.8::float8 / 1023) - 0.4 - b)
$$
"""
_FILL = """
INSERT INTO processing_imagecell (owner_id, cell, image_id, place)
SELECT i.owner_id, processing_color_cell(color ->> 'hex'), i.id, processing_color_place(color ->> 'hex')
FROM processing_image i, jsonb_array_elements(i.colors) color
WHERE i.status = 'completed' AND i.deleted_at IS NULL
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0013_backfill")]

    operations = [
        migrations.DeleteModel("ImageCell"),
        migrations.CreateModel(
            name="ImageCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "owner_id",
                        "cell",
                        "image_id",
                        "place",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("cell", models.SmallIntegerField()),
                ("place", models.IntegerField(help_text="OKLab, ten bits each of lightness, a and b.")),
                (
                    "image",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="processing.image"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.RunSQL(_PLACE, "DROP FUNCTION processing_color_place"),
        migrations.RunSQL(_APART, "DROP FUNCTION processing_places_apart"),
        migrations.RunSQL(_FILL, ""),
    ]
