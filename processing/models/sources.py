"""Where the bytes of an image are, while it has none of its own yet."""

from __future__ import annotations

from django.db import models


class Source(models.Model):
    """The address an image is fetched from, before its pixels are made."""

    image = models.OneToOneField("processing.Image", models.CASCADE, primary_key=True, related_name="source")
    url = models.TextField()
    max_bytes = models.BigIntegerField(help_text="The most the account's plan took when it was asked for.")

    def __str__(self) -> str:
        return self.url
