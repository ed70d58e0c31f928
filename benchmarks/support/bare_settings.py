"""The service's settings with one more view, which reads the body and answers nothing."""

from imageapi.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.support.bare_urls"
