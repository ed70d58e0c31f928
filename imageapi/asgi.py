"""The ASGI application: HTTP to Django, sockets to realtime."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageapi.settings")

import django

django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter  # noqa: E402

from imageapi.observability.request_log import Observed  # noqa: E402
from imageapi.serving.client_address import ClientAddress  # noqa: E402
from imageapi.serving.cross_origin import CrossOrigin  # noqa: E402
from imageapi.serving.prefix import Prefix  # noqa: E402
from imageapi.serving.threads import PooledASGIHandler  # noqa: E402
from realtime.answers.following import Following  # noqa: E402
from realtime.urls import sockets  # noqa: E402
from uploads.api.admission.sockets import SocketAccess  # noqa: E402
from uploads.api.problems import refusal  # noqa: E402
from uploads.api.single_upload import SingleUploadWait  # noqa: E402

answering = SingleUploadWait(Following(PooledASGIHandler(), refusal))
application = ProtocolTypeRouter(
    {
        "http": ClientAddress(Prefix(Observed(CrossOrigin(answering)))),
        "websocket": ClientAddress(Prefix(SocketAccess(sockets))),
    }
)
