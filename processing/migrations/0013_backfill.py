"""Images from before there were perceptual hashes get theirs in the background."""

from django.db import migrations, models

_PHASH = """
INSERT INTO processing_backfill (name) SELECT 'phash' WHERE EXISTS (SELECT FROM processing_image)
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0012_likeness")]

    operations = [
        migrations.CreateModel(
            "Backfill",
            [
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                (
                    "before",
                    models.UUIDField(null=True, help_text="Images older than this are to be done; none: all."),
                ),
            ],
        ),
        migrations.RunSQL(_PHASH, migrations.RunSQL.noop),
    ]
