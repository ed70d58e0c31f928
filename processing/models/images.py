"""Uploaded files, and the hues by which the feed finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Now
from django.utils import timezone

from processing.models.jobs import Job
from processing.models.leased import Leased
from processing.models.statuses import NearDuplicates, Queue, Waits
from processing.plumbing.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# Asked twice in every upload: Django takes longer to put such a query together than PostgreSQL to answer it.
_TWINS = """
SELECT * FROM processing_image
WHERE owner_id = %s AND checksum = ANY(%s) AND deleted_at IS NULL AND duplicate_of_id IS NULL
  AND status NOT IN ('failed', 'aborted')
ORDER BY has_original, id DESC
"""

# The column is PostgreSQL's alone (migration 0010): as a field it would be read with every row.
_NAMED = "processing_image.words @@ processing_name_query(%(expressions)s)"


# Bands of the perceptual hash, each an index (migration 0012): where two hashes differ in at most 4n + 3 bits
# one of their bands differs in at most n.
BANDS = ("(phash >> 48) & 65535", "(phash >> 32) & 65535", "(phash >> 16) & 65535", "phash & 65535")


def signed(phash: int) -> int:
    """64 bits as PostgreSQL's bigint has them."""
    return phash - 2**64 if phash >= 2**63 else phash


class ImageQuerySet(models.QuerySet["Image"]):
    def in_job(self, job: Job, status: str | None = None) -> ImageQuerySet:
        """The job's images; with `status`, those that stand so in it.

        A derive job's images belong to the jobs that took them in: there it is the derivation that stands.
        """
        if job.kind != Job.Kind.DERIVE:
            images = self.filter(job=job)
            return images.filter(status=status) if status else images
        stands = {"derivations__status": status} if status else {}
        return self.filter(derivations__job=job, **stands)

    def visible(self) -> ImageQuerySet:
        return self.filter(deleted_at=None)

    def deleted(self) -> ImageQuerySet:
        """Deleted softly, and not yet too long ago to be restored."""
        return self.filter(deleted_at__gt=timezone.now() - settings.RETENTION)

    def named(self, text: str) -> ImageQuerySet:
        """Those in whose name each word of `text` (without NUL) begins one; none where it has no words."""
        return self.filter(Func(Value(text), template=_NAMED, output_field=models.BooleanField()))

    def of(self, owner_id: int) -> ImageQuerySet:
        return self.filter(owner_id=owner_id)

    def twins(
        self, owner_id: int, checksums: Sequence[str], *, wanted: Collection[str] = ()
    ) -> dict[str, Image]:
        """By checksum (hex SHA-256), the image of this owner that already holds those bytes.

        One whose uploaded file is gone serves only where it has every `wanted` rendition (`name@version`);
        name `original` to want the file itself.
        """
        held = self.raw(_TWINS, [owner_id, list(checksums)])
        return {
            image.checksum: image
            for image in held
            if image.has_original or image.rendition_marks.issuperset(wanted)
        }


class Image(Leased):
    """One uploaded file."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(Job, models.CASCADE, related_name="images", db_index=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="images", db_index=False)
    index = models.PositiveIntegerField(help_text="Its place in the request, from 0.")
    name = models.CharField(max_length=255)
    size = models.BigIntegerField(help_text="Bytes of the file as uploaded.")
    checksum = models.CharField(max_length=64, help_text="SHA-256 of the file, in hex.")
    content_type = models.CharField(max_length=32)
    width = models.PositiveIntegerField(help_text="Pixels, as shown: after the EXIF turn.")
    height = models.PositiveIntegerField()
    key = models.CharField(max_length=22, help_text="The unguessable name of its files in the storage.")
    has_original = models.BooleanField(default=True, help_text="Whether the uploaded file is in the storage.")
    keeps_original = models.BooleanField(
        default=True, help_text="False: the uploaded file goes once the renditions are safe."
    )
    link_key = models.CharField(
        max_length=22, blank=True, default="", help_text="The name of the permit its expiring links need."
    )
    duplicate_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="twins")

    near_duplicates = models.CharField(
        max_length=6, choices=NearDuplicates, default=NearDuplicates.ALLOW, help_text="As its upload asked."
    )
    near_duplicate_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")

    queue = models.PositiveSmallIntegerField(choices=Queue, default=Queue.BULK)
    waits = models.CharField(max_length=5, choices=Waits, blank=True, default="")
    alone = models.BooleanField(default=False, help_text="It may have ended a worker: it shares no chunk.")

    colors = models.JSONField(default=list, blank=True)
    placeholder = models.CharField(max_length=64, blank=True, default="")
    phash = models.BigIntegerField(
        null=True, blank=True, help_text="The perceptual hash, 64 bits with a sign; none for flat pictures."
    )
    renditions = models.JSONField(default=list, blank=True)
    losses = models.JSONField(default=list, blank=True)
    focal_x = models.FloatField(null=True, blank=True, help_text="0 to 1, from the left, as shown.")
    focal_y = models.FloatField(null=True, blank=True, help_text="0 to 1, from its top.")

    uploaded_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = ImageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "index"], name="image_once_in_its_job")
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-id"], name="image_newest", condition=Q(deleted_at=None)),
            models.Index(fields=["owner", "checksum"], name="image_checksum"),
            models.Index(fields=["key"], name="image_key"),
            models.Index(
                fields=["waits", "queue", "owner", "id"], name="image_waiting", condition=Q(status="pending")
            ),
            models.Index(
                fields=["owner", "lease_until"], name="image_in_work", condition=Q(status="processing")
            ),
            models.Index(fields=["finished_at"], name="image_failed", condition=Q(status="failed")),
            models.Index(fields=["deleted_at"], name="image_deleted", condition=Q(deleted_at__isnull=False)),
            models.Index(
                fields=["owner"], name="image_unkept", condition=Q(has_original=True, keeps_original=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rendition_marks(self) -> set[str]:
        """Which versions of which recipes it has (processing.jobs.recipes.marks)."""
        return {f"{rendition['name']}@{rendition['version']}" for rendition in self.renditions}

    @property
    def phash_hex(self) -> str | None:
        """16 hex digits."""
        return None if self.phash is None else f"{self.phash % 2**64:016x}"

    @property
    def focal_point(self) -> tuple[float, float] | None:
        """What crops keep in the middle, as shares of width and height."""
        if self.focal_x is None or self.focal_y is None:
            return None
        return self.focal_x, self.focal_y

    @property
    def hues(self) -> set[int]:
        """The hues (whole degrees, 0..359) by which the feed finds it."""
        return {color["hue"] for color in self.colors if color["hue"] is not None}


class ImageHue(models.Model):
    """One hue of one completed image that is not deleted: the index behind the feed.

    The key is the index: a B-tree on (owner, hue, image), read backwards for newest first, one short probe
    for each degree asked for.
    """

    pk = models.CompositePrimaryKey("owner_id", "hue", "image_id")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    hue = models.SmallIntegerField()
    image = models.ForeignKey(Image, models.CASCADE, related_name="+")


class ImageCell(models.Model):
    """One dominant colour of a completed image: its cell of OKLab, and its place in that.

    As with hues the key is the index behind the feed; images that are deleted have none.
    """

    pk = models.CompositePrimaryKey("owner_id", "cell", "image_id", "place")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    cell = models.SmallIntegerField()
    image = models.ForeignKey(Image, models.CASCADE, related_name="+")
    place = models.IntegerField(help_text="OKLab, ten bits each of lightness, a and b.")
