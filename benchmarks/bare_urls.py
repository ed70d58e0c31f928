"""The service's paths, and `/bare`: what a request costs that is only read."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    while request.read(65536):
        pass
    return HttpResponse(status=204)


urlpatterns = [
    path("bare", bare),
    path("", include("uploads.api.urls")),
    path("", include("uploads.page.urls")),
]
