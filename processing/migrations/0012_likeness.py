"""Perceptual hashes, and the indexes that find those that are near."""

from pathlib import Path

from django.db import migrations, models

from processing.models.images import BANDS

# What hands out the images gives a twin's hash along: see there.
_CLAIM = Path(__file__).resolve().parent.parent / "queue" / "claim.sql"
_INDEX = """
CREATE INDEX image_like_{place} ON processing_image (owner_id, (({band})::int)) INCLUDE (phash, id)
WHERE phash IS NOT NULL AND deleted_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0011_image_cells")]

    operations = [
        migrations.AddField(
            "image",
            "phash",
            models.BigIntegerField(
                null=True, blank=True, help_text="The perceptual hash, 64 bits with a sign; none for flat pictures."
            ),
        ),
        *(
            migrations.RunSQL(
                _INDEX.format(place=place, band=band).replace("%", "%%"), f"DROP INDEX image_like_{place}"
            )
            for place, band in enumerate(BANDS)
        ),
        migrations.AddField(
            "image",
            "near_duplicates",
            models.CharField(
                max_length=6,
                choices=[("allow", "Allow"), ("mark", "Mark"), ("reject", "Reject")],
                default="allow",
                help_text="As its upload asked.",
            ),
        ),
        migrations.AddField(
            "image",
            "near_duplicate_of",
            models.ForeignKey(
                "processing.image", models.SET_NULL, null=True, blank=True, related_name="+"
            ),
        ),
        migrations.RunSQL(_CLAIM.read_text(), migrations.RunSQL.noop),
    ]
