"""The paths of the sockets, with and without the trailing slash."""

from channels.routing import URLRouter
from django.urls import path, re_path, register_converter
from django.urls.converters import UUIDConverter

from realtime.consumers import JobSocket, UploadSocket
from realtime.feed_socket import FeedSocket
from realtime.nowhere import Nowhere


class AnyUUID(UUIDConverter):
    """Also in capitals, as Swift writes them (RFC 9562, section 4: read in either case)."""

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


register_converter(AnyUUID, "any_uuid")
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
