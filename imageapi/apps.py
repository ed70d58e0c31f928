from django.apps import AppConfig


class ImageapiConfig(AppConfig):
    name = "imageapi"
