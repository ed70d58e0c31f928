"""The cells of OKLab that an image's dominant colours lie in: the index behind the feed by colours."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# sRGB `#rrggbb` to a cell 0.1 wide each way (processing.news.colors says how they are numbered). Formulas by
# Björn Ottosson, https://bottosson.github.io/posts/oklab/ ; the sRGB curve from IEC 61966-2-1.
_CELL = """
CREATE FUNCTION processing_color_cell(hex text) RETURNS smallint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT (least(floor(10 * (0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s)), 9) * 100
        + (floor(10 * (1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s)) + 5) * 10
        + floor(10 * (0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s)) + 5)::smallint
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
_FILL = """
INSERT INTO processing_imagecell (owner_id, cell, image_id)
SELECT i.owner_id, processing_color_cell(color ->> 'hex'), i.id
FROM processing_image i, jsonb_array_elements(i.colors) color
WHERE i.status = 'completed' AND i.deleted_at IS NULL
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0010_name_words")]

    operations = [
        migrations.CreateModel(
            name="ImageCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "owner_id", "cell", "image_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("cell", models.SmallIntegerField()),
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
        migrations.RunSQL(_CELL, "DROP FUNCTION processing_color_cell"),
        migrations.RunSQL(_FILL, ""),
    ]
