"""Ids in paths, of HTTP and of sockets: `<any_uuid:...>`."""

from django.urls import register_converter
from django.urls.converters import UUIDConverter


class AnyUUID(UUIDConverter):
    """Also in capitals, as Swift writes them (RFC 9562, section 4: read in either case)."""

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


register_converter(AnyUUID, "any_uuid")
