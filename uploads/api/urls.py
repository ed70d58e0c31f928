"""The HTTP interface: every path answers with and without its trailing slash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import URLPattern, path

from processing.plumbing import url_ids  # noqa: F401  (it registers <any_uuid:...>)
from uploads.api.views import (
    accounts,
    archives,
    batches,
    canvas,
    events,
    feed,
    health,
    images,
    jobs,
    likeness,
    links,
    media,
    recipes,
    resumable,
    webhooks,
)
from uploads.api.views import csv as imgproc
from uploads.api.views import uploads as upload

if TYPE_CHECKING:
    from collections.abc import Callable


def either(route: str, view: Callable[..., Any], name: str) -> list[URLPattern]:
    """Both spellings. A redirect from one to the other would turn a POST into a GET."""
    return [path(route, view, name=name), path(f"{route}/", view)]


urlpatterns = [
    *either("api/upload", upload.SingleUploadView.as_view(), "upload"),
    *either("api/upload/<str:name>", upload.SingleUploadView.as_view(http_method_names=["put"]), "put"),
    *either("api/async/upload", upload.MultiUploadView.as_view(), "async-upload"),
    *either("api/async/batch/upload", upload.BatchUploadView.as_view(), "batch-upload"),
    *either("api/uploads", resumable.UploadsView.as_view(), "uploads"),
    *either("api/uploads/<any_uuid:upload_id>", resumable.UploadView.as_view(), "resumable-upload"),
    *either("api/batches", batches.BatchesView.as_view(), "batches"),
    *either("api/batches/<any_uuid:job_id>/close", batches.CloseView.as_view(), "batch-close"),
    *either("api/list", images.ImageListView.as_view(), "image-list"),
    *either("api/images/adopt", images.AdoptView.as_view(), "image-adopt"),
    *either("api/images/check", images.CheckView.as_view(), "image-check"),
    *either("api/images/<any_uuid:image_id>", images.ImageView.as_view(), "image"),
    *either("api/images/<any_uuid:image_id>/restore", images.RestoreView.as_view(), "image-restore"),
    *either("api/images/<any_uuid:image_id>/original", images.OriginalView.as_view(), "image-original"),
    *either("api/images/<any_uuid:image_id>/similar", likeness.SimilarView.as_view(), "image-similar"),
    *either("api/images/<any_uuid:image_id>/links", links.LinksView.as_view(), "image-links"),
    *either("api/duplicates", likeness.DuplicatesView.as_view(), "duplicates"),
    *either("api/recipes", recipes.RecipeListView.as_view(), "recipes"),
    *either("api/recipes/<str:name>", recipes.RecipeView.as_view(), "recipe"),
    *either("api/recipes/<str:name>/apply", recipes.ApplyView.as_view(), "recipe-apply"),
    *either("api/feed", feed.FeedView.as_view(), "feed"),
    *either("api/jobs", jobs.JobListView.as_view(), "job-list"),
    *either("api/jobs/<any_uuid:job_id>", jobs.JobView.as_view(), "job"),
    *either("api/jobs/<any_uuid:job_id>/images", jobs.JobImagesView.as_view(), "job-images"),
    *either("api/jobs/<any_uuid:job_id>/archive", archives.JobArchiveView.as_view(), "job-archive"),
    *either("api/archive", archives.ArchiveView.as_view(), "archive"),
    *either("api/jobs/<any_uuid:job_id>/events", events.JobEventsView.as_view(), "job-events"),
    *either("api/events", events.EventsView.as_view(), "events"),
    *either("api/jobs/<any_uuid:job_id>/retry", jobs.RetryView.as_view(), "job-retry"),
    *either("api/jobs/<any_uuid:job_id>/cancel", jobs.CancelView.as_view(), "job-cancel"),
    *either("api/canvas", canvas.CanvasView.as_view(), "canvas"),
    *either("ping", canvas.PingPongView.as_view(), "ping"),
    *either("pong", canvas.PingPongView.as_view(), "pong"),
    *either("api/tokens", accounts.TokenView.as_view(), "tokens"),
    *either("api/tokens/current", accounts.CurrentTokenView.as_view(), "token-current"),
    *either("api/tokens/<any_uuid:token_id>", accounts.OtherTokenView.as_view(), "token"),
    *either("api/me", accounts.MeView.as_view(), "me"),
    *either("imgproc/upload", imgproc.CsvUploadView.as_view(), "csv-upload"),
    *either("imgproc/status/<any_uuid:job_id>", imgproc.CsvStatusView.as_view(), "csv-status"),
    *either("imgproc/result/<any_uuid:job_id>", imgproc.CsvResultView.as_view(), "csv-result"),
    *either("imgproc/check_db_connection", imgproc.database_connection, "csv-database"),
    *either("api/webhooks", webhooks.WebhookListView.as_view(), "webhooks"),
    *either("api/webhooks/secret", webhooks.SecretView.as_view(), "webhook-secret"),
    *either("api/webhooks/deliveries/replay", webhooks.ReplayManyView.as_view(), "replay-many"),
    *either("api/webhooks/<any_uuid:endpoint_id>/test", webhooks.WebhookTestView.as_view(), "webhook-test"),
    *either(
        "api/webhooks/<any_uuid:endpoint_id>/secret",
        webhooks.WebhookSecretView.as_view(),
        "webhook-new-secret",
    ),
    *either("api/webhooks/deliveries", webhooks.DeliveryListView.as_view(), "deliveries"),
    *either("api/webhooks/deliveries/<any_uuid:delivery_id>/replay", webhooks.ReplayView.as_view(), "replay"),
    *either("api/webhooks/<any_uuid:endpoint_id>", webhooks.WebhookView.as_view(), "webhook"),
    *either("healthz/live", health.live, "live"),
    *either("healthz/ready", health.ready, "ready"),
    *either("links/<str:token>", links.original, "link"),
    path("media/<str:key>/<str:file>", media.rendition, name="rendition"),
]
