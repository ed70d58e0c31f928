"""The ASGI application: HTTP to Django, sockets to realtime."""

import os

from imageapi.serving.threads import PooledASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageapi.settings")

import django

django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter  # noqa: E402

from imageapi.cross_origin import CrossOrigin  # noqa: E402
from imageapi.observability.request_log import Observed  # noqa: E402
from imageapi.serving.client_address import ClientAddress  # noqa: E402
from realtime.longpoll import LongPoll  # noqa: E402
from realtime.urls import sockets  # noqa: E402
from uploads.api.authentication import SocketAccess  # noqa: E402
from uploads.api.single_upload import SingleUploadWait  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": ClientAddress(Observed(CrossOrigin(SingleUploadWait(LongPoll(PooledASGIHandler()))))),
        "websocket": ClientAddress(SocketAccess(sockets)),
    }
)
