"""The page's files, below the prefix of the request that asks for the page."""

from __future__ import annotations

from django.contrib.staticfiles.storage import StaticFilesStorage

from processing.plumbing.script_prefix import below_prefix


class PrefixedStaticFiles(StaticFilesStorage):
    def url(self, name: str | None) -> str:
        return below_prefix(super().url(name))
