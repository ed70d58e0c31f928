"""The service's paths, and `/bare`: what a request costs that is only read."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from imageapi import urls as service


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    while request.read(65536):
        pass
    return HttpResponse(status=204)


urlpatterns = [path("bare", bare), *service.urlpatterns]
handler400, handler403 = service.handler400, service.handler403
handler404, handler500 = service.handler404, service.handler500
