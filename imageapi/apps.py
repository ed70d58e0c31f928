from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ImageapiConfig(AppConfig):
    name = "imageapi"


class ServiceAdminConfig(AdminConfig):
    """Named in INSTALLED_APPS in place of `django.contrib.admin`."""

    default = False
    default_site = "imageapi.admin_site.ServiceAdmin"
