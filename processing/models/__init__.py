"""The rows that are the truth: jobs, their images, the hues found in them, the events told about them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from processing.accounts.models import Plan, User
from processing.models.sources import Source
from processing.models.webhooks import Delivery, Endpoint, SigningSecret, WebhookEvent
from processing.plumbing.request_id import request_id
from processing.plumbing.uuid7 import uuid7

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Sequence

    from processing.imaging import Recipe

logger = logging.getLogger(__name__)

__all__ = [
    "IMAGE_STATUSES",
    "UNFINISHED",
    "Delivery",
    "Endpoint",
    "Event",
    "Image",
    "ImageHue",
    "Job",
    "Plan",
    "Pulse",
    "SigningSecret",
    "Source",
    "Status",
    "User",
    "WebhookEvent",
]


class Status(models.TextChoices):
    """Where an image or a job stands. A job alone can be `partial`: finished, some of it failed."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    ABORTED = "aborted"


IMAGE_STATUSES = [status for status in Status if status is not Status.PARTIAL]
UNFINISHED = (Status.PENDING, Status.PROCESSING)


class Job(models.Model):
    """What one request asked for; its counters always equal its images' states."""

    class Kind(models.TextChoices):
        SINGLE = "single"
        MULTI = "multi"
        BATCH = "batch"
        CSV = "csv"
        CANVAS = "canvas"
        DERIVE = "derive"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=8, choices=Kind)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    total = models.PositiveIntegerField()
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    aborted = models.PositiveIntegerField(default=0)
    purged = models.PositiveIntegerField(
        default=0, help_text="Images that were deleted, and whose rows are gone; the counters keep them."
    )
    seq = models.PositiveIntegerField(default=0, help_text="The number of the last event.")
    recipe = models.JSONField(help_text="What to make of each image: processing.imaging.Recipe.")
    canvas = models.JSONField(
        null=True, blank=True, help_text="What to draw: processing.jobs.canvases.Asked."
    )
    webhook_url = models.TextField(blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="", help_text="For the logs.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["owner", "-id"]),
            models.Index(fields=["owner", "updated_at"]),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="job_counts_at_most_total",
                condition=Q(total__gte=F("completed") + F("failed") + F("aborted")),
            ),
            models.CheckConstraint(
                name="job_finished_when_all_counted",
                condition=Q(finished_at__isnull=True, total__gt=F("completed") + F("failed") + F("aborted"))
                | Q(finished_at__isnull=False, total=F("completed") + F("failed") + F("aborted")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @classmethod
    def begin(cls, owner_id: int, kind: str, recipe: Recipe, total: int, **more: Any) -> Job:
        """Writes the row of a job that begins now, with what the log needs to name its request."""
        job = cls.objects.create(
            owner_id=owner_id,
            kind=kind,
            recipe=recipe.to_json(),
            total=total,
            request_id=request_id.get(),
            created_at=timezone.now(),
            **more,
        )
        fields = {"job": job.id, "kind": kind, "images": total, "account": owner_id}
        transaction.on_commit(lambda: logger.info("job submitted", extra=fields))
        return job


# Asked twice in every upload: Django takes longer to put such a query together than PostgreSQL to answer it.
_TWINS = """
SELECT * FROM processing_image
WHERE owner_id = %s AND checksum = ANY(%s) AND deleted_at IS NULL AND duplicate_of_id IS NULL
  AND status NOT IN ('failed', 'aborted')
ORDER BY has_original, id DESC
"""


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

    def of(self, owner_id: int) -> ImageQuerySet:
        return self.filter(owner_id=owner_id)

    def twins(
        self, owner_id: int, checksums: Sequence[str], *, wanted: Collection[str] = ()
    ) -> dict[str, Image]:
        """By checksum (hex SHA-256), the image of this owner that already holds those bytes.

        One whose uploaded file is gone serves only where it has every `wanted` rendition; name `original`
        to want the file itself.
        """
        held = self.raw(_TWINS, [owner_id, list(checksums)])
        return {
            image.checksum: image
            for image in held
            if image.has_original or image.rendition_names.issuperset(wanted)
        }


class Image(models.Model):
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

    status = models.CharField(
        max_length=10, choices=[(s.value, s.label) for s in IMAGE_STATUSES], default=Status.PENDING
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last told of it.")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until when a worker holds it.")
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")

    colors = models.JSONField(default=list, blank=True)
    placeholder = models.CharField(max_length=64, blank=True, default="")
    renditions = models.JSONField(default=list, blank=True)
    losses = models.JSONField(default=list, blank=True)

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
                fields=["sent_at"], name="image_unfinished", condition=Q(status__in=["pending", "processing"])
            ),
            models.Index(fields=["deleted_at"], name="image_deleted", condition=Q(deleted_at__isnull=False)),
            models.Index(
                fields=["owner"], name="image_unkept", condition=Q(has_original=True, keeps_original=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rendition_names(self) -> set[str]:
        return {rendition["name"] for rendition in self.renditions}

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


class EventQuerySet(models.QuerySet["Event"]):
    def after(self, job_id: uuid.UUID, seq: int) -> EventQuerySet:
        return self.filter(job_id=job_id, seq__gt=seq).select_related("job").order_by("seq")


class Event(models.Model):
    """One line of a job's log, written in the transaction that made it true.

    `seq` rises by one with each event of the job. WebSocket, long poll and webhook all read this log.
    """

    class Type(models.TextChoices):
        PROGRESS = "job.progress"
        FINISHED = "job.finished"

    pk = models.CompositePrimaryKey("job_id", "seq")
    job = models.ForeignKey(Job, models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=16, choices=Type)
    status = models.CharField(max_length=10, choices=Status)
    completed = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    aborted = models.PositiveIntegerField()
    finished_at = models.DateTimeField(null=True)
    # Text, not jsonb: it is written once and goes out as it is.
    images = models.TextField(default="[]", help_text="The images that changed, as a JSON array.")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = EventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["created_at"], name="event_age")]


class Derivation(models.Model):
    """One image of which a derive job makes the renditions that it lacks.

    The image belongs to the job that took it in, and stays completed meanwhile: what is under way, leased,
    tried again and counted is this row.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(Job, models.CASCADE, related_name="derivations", db_index=False)
    image = models.ForeignKey(Image, models.CASCADE, related_name="derivations")
    index = models.PositiveIntegerField()
    status = models.CharField(
        max_length=10, choices=[(s.value, s.label) for s in IMAGE_STATUSES], default=Status.PENDING
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "index"], name="derivation_once_in_its_job")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["sent_at"],
                name="derivation_unfinished",
                condition=Q(status__in=["pending", "processing"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.job_id} {self.index}"


class Discard(models.Model):
    """A file that no row needs any more, until it is gone.

    Written in the transaction that made it so; whoever is killed before the file is removed, the sweeper
    finds it here. Names are random and never used again.
    """

    store = models.CharField(max_length=12)
    name = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.store}/{self.name}"


class Pulse(models.Model):
    """When the sweeper last ran: one row that proves beat, broker, a worker and the database all live."""

    name = models.CharField(max_length=20, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
