"""The paths of the sockets, with and without the trailing slash."""

from channels.routing import URLRouter
from django.urls import path, re_path

from processing.plumbing import url_ids  # noqa: F401  (it registers <any_uuid:...>)
from realtime.consumers import JobSocket, UploadSocket
from realtime.feed_socket import FeedSocket
from realtime.nowhere import Nowhere

sockets = URLRouter(
    [
        path("ws/upload/", UploadSocket.as_asgi()),
        path("ws/upload", UploadSocket.as_asgi()),
        path("ws/feed/", FeedSocket.as_asgi()),
        path("ws/feed", FeedSocket.as_asgi()),
        path("ws/jobs/<any_uuid:job_id>/", JobSocket.as_asgi()),
        path("ws/jobs/<any_uuid:job_id>", JobSocket.as_asgi()),
        re_path("", Nowhere.as_asgi()),
    ]
)
