"""Every setting of the service, read once from the environment through strict readers."""

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from imageapi import __version__, broker, database, env, media
from imageapi.observability import logs
from imageapi.up import embedded

VERSION = __version__
BASE_DIR = Path(__file__).resolve().parent.parent
HOME = env.path("IMAGEAPI_HOME", BASE_DIR / "var")


def _kept_secret(path: Path) -> str:
    """The installation's own secret key, made at the first start and kept under its home."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()


# Environment

DEBUG = env.boolean("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY", "") or _kept_secret(HOME / "secret_key")
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, low=1, high=65535)
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]  # always allowed: health checks ask there
# Elsewhere than on loopback requests carry credentials, which the page of another site does not have.
ALLOWED_HOSTS = LOOPBACK + env.listing(
    "ALLOWED_HOSTS", [] if HOST in ("localhost", "127.0.0.1", "::1") else ["*"]
)
CSRF_TRUSTED_ORIGINS = env.listing("CSRF_TRUSTED_ORIGINS", [])
DATABASE_URL = env.url("DATABASE_URL", embedded.database_url(HOME), schemes=("postgresql", "postgres"))
REDIS_URL = env.url("REDIS_URL", embedded.redis_url(HOME), schemes=("redis", "rediss", "unix"))
BROKER_URL = env.url(
    "IMAGEAPI_BROKER_URL", REDIS_URL, schemes=("redis", "rediss", "unix", "amqp", "amqps", "sqs")
)
CHANNELS_REDIS_URL = env.url("CHANNELS_REDIS_URL", REDIS_URL, schemes=("redis", "rediss", "unix"))
CORS_ORIGINS = env.origins("IMAGEAPI_CORS_ORIGINS", [])
# A plan that is named holds for everybody; the one that `make up` takes by itself, for this machine.
ANONYMOUS_FROM_ANYWHERE = "IMAGEAPI_ANONYMOUS_PLAN" in os.environ
ANONYMOUS_PLAN = env.name_or_none("IMAGEAPI_ANONYMOUS_PLAN", env.text("IMAGEAPI_LOOPBACK_PLAN", ""))
HTTPS = env.boolean("IMAGEAPI_HTTPS", default=False)
BEHIND_PROXY = env.boolean("IMAGEAPI_BEHIND_PROXY", default=HTTPS)
FORCE_SCRIPT_NAME = env.prefix("FORCE_SCRIPT_NAME", None)

# Django

INSTALLED_APPS = [
    "imageapi.apps.ServiceAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "channels",
    "imageapi.apps.ImageapiConfig",
    "uploads",
    "uploads.page",
    "processing",
    "realtime",
]
MIDDLEWARE = [
    "imageapi.observability.request_log.remember_route",
    "uploads.access.origins.without_default_port",
    "imageapi.serving.compression.Compression",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "uploads.access.content_security.guard",
    "uploads.access.devices.remember",
    "uploads.api.throttling.RateLimitHeaders",
]
ROOT_URLCONF = "imageapi.urls"
ASGI_APPLICATION = "imageapi.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": database.from_url(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "processing.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
LOGIN_REDIRECT_URL = "admin:index"  # Django's own login view is the admin's
APPEND_SLASH = False  # every path answers with and without its slash; a redirect would lose a POST
CSRF_FAILURE_VIEW = "uploads.api.problems.csrf_failure"
STATIC_URL = "/static/"
STATIC_ROOT = env.text(
    "IMAGEAPI_STATIC_ROOT", None
)  # collected files, in an image; else found where they are
WHITENOISE_USE_FINDERS = True  # no collectstatic step for `make up`
WHITENOISE_AUTOREFRESH = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = False  # the proxy in front speaks TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # no redirect to TLS here: see SECURE_SSL_REDIRECT
# Parts are counted and refused by our own parser, with a problem+json answer.
DATA_UPLOAD_MAX_NUMBER_FILES = None
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# Media: originals are private, renditions are public under names nobody can guess.

MEDIA_ROOT = HOME / "media"
MEDIA_URL = "/media/"
MEDIA_BASE_URL = env.url("IMAGEAPI_MEDIA_BASE_URL", "", schemes=("http", "https")).rstrip("/")
STORAGES: dict[str, Any] = {
    **media.storages(MEDIA_ROOT),
    "staticfiles": {"BACKEND": "imageapi.serving.static.PrefixedStaticFiles"},
}
INCOMING_DIR = MEDIA_ROOT / "incoming"
RESUMABLE_DIR = MEDIA_ROOT / "resumable"  # beside the originals: a whole upload becomes one by a rename

# Limits of the machine; the limits of an account are its plan's.

MAX_PIXELS = env.integer("IMAGEAPI_MAX_PIXELS", 120_000_000, low=1_000_000, high=1_000_000_000)
# What one pool process may take. The greediest decoder seen (a TIFF of floats) takes 21 bytes a pixel.
IMAGE_MEMORY_BYTES = 2**20 * env.integer(
    "IMAGEAPI_IMAGE_MEMORY_MB", 512 + MAX_PIXELS * 24 // 2**20, low=256, high=1_048_576
)
MAX_BODY_BYTES = 1024 * 1024 * env.integer("IMAGEAPI_MAX_BODY_MB", 2048, low=1, high=1_048_576)
BODY_SECONDS = env.integer("IMAGEAPI_BODY_SECONDS", 600, low=5, high=86_400)
OPEN_UPLOADS = env.integer("IMAGEAPI_OPEN_UPLOADS", 5000, low=1, high=1_000_000)  # unfinished, an account
# 104 to clients that resume uploads by the IETF's draft; nginx breaks on it.
INTERIM_RESPONSES = env.boolean("IMAGEAPI_INTERIM_RESPONSES", default=False)
SOCKETS_PER_ACCOUNT = env.integer("IMAGEAPI_SOCKETS_PER_ACCOUNT", 5000, low=1, high=1_000_000)
WEB_THREADS = env.integer("IMAGEAPI_WEB_THREADS", 16, low=2, high=256)
RETENTION = timedelta(days=env.integer("IMAGEAPI_RETENTION_DAYS", 30, low=0, high=3650))
EVENT_RETENTION = timedelta(days=env.integer("IMAGEAPI_EVENT_DAYS", 7, low=1, high=3650))

# The engine

WORKERS = env.integer("IMAGEAPI_WORKERS", min(os.cpu_count() or 1, 64), low=1, high=64)
SLICE_SECONDS = 1.0
CHUNK_IMAGES = 32
CHUNK_PIXELS = 32_000_000
FLUSH_SECONDS = 0.25
FLUSH_IMAGES = 64
LEASE = timedelta(seconds=10)
MAX_ATTEMPTS = 3
IMAGE_SECONDS = env.integer("IMAGEAPI_IMAGE_SECONDS", 30, low=1, high=600)

# Other hosts: images named in CSV files, receivers of webhooks

ALLOW_PRIVATE_URLS = env.boolean("IMAGEAPI_ALLOW_PRIVATE_URLS", default=False)
FETCH_SECONDS = env.integer("IMAGEAPI_FETCH_SECONDS", 30, low=1, high=600)
FETCH_PER_HOST = env.integer("IMAGEAPI_FETCH_PER_HOST", 8, low=1, high=64)
WEBHOOK_SECONDS = 15

# Mail, for the one thing that nobody may be looking for: a receiver that is told no more

_MAIL = urlsplit(env.url("IMAGEAPI_EMAIL_URL", "", schemes=("smtp", "smtps")))
EMAIL_HOST, EMAIL_PORT = _MAIL.hostname or "", _MAIL.port or (465 if _MAIL.scheme == "smtps" else 587)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_MAIL.username or ""), unquote(_MAIL.password or "")
EMAIL_USE_SSL = _MAIL.scheme == "smtps"
EMAIL_USE_TLS = not EMAIL_USE_SSL and bool(EMAIL_HOST_USER)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("IMAGEAPI_EMAIL_FROM", "imageapi@localhost")

# Celery: the message is a hint, the row is the truth (docs/architecture.md).

CELERY_BROKER_URL = broker.url(BROKER_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # a poison image must not loop: the lease brings it back, counted
CELERY_DB_REUSE_MAX = 1_000_000  # tasks; see _check_connection in imageapi/celery.py
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 60.0  # on a busy machine four seconds end every process, then the worker
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1_000_000  # kB
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5.0
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2.0
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_TIME_LIMIT = 600
CELERY_BROKER_TRANSPORT_OPTIONS = broker.transport_options(BROKER_URL)
CELERY_BEAT_SCHEDULER = "imageapi.beat:Scheduler"

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # One channel a process carries every hint; a lost one is found by its sequence number.
        "CONFIG": {
            # channels_redis waits five seconds for a message, redis-py by itself no longer than that.
            "hosts": [{"address": CHANNELS_REDIS_URL, "socket_timeout": 15}],
            "capacity": 10_000,
            "expiry": 60,
            "prefix": "imageapi",
        },
    }
}

# The API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "uploads.api.authentication.BearerAuthentication",
        "uploads.api.authentication.CookieAuthentication",
        "uploads.api.authentication.AnonymousPlanAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["uploads.api.throttling.PlanThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["uploads.api.json_body.JSONBody"],
    "DEFAULT_SCHEMA_CLASS": "uploads.api.schema.describe.Schema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "uploads.api.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "uploads.api.problems.ProblemFormatter",
}
REST_KNOX = {"TOKEN_TTL": timedelta(days=30), "AUTH_HEADER_PREFIX": "Bearer", "AUTO_REFRESH": False}
SPECTACULAR_SETTINGS = {
    "TITLE": "imageapi",
    "DESCRIPTION": "Images in, renditions and colours out, every completion pushed.",
    "VERSION": VERSION,
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "OAS_VERSION": "3.1.1",
    "SERVERS": [{"url": "/", "description": "The host that this description comes from"}],
    "SERVE_INCLUDE_SCHEMA": False,
    "PATH_CONVERTER_OVERRIDES": {"any_uuid": {"type": "string", "format": "uuid"}},
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "PREPROCESSING_HOOKS": ["uploads.api.schema.one_spelling"],
    "POSTPROCESSING_HOOKS": ["uploads.api.schema.complete"],
    "AUTHENTICATION_WHITELIST": [
        "uploads.api.authentication.BearerAuthentication",
        "uploads.api.authentication.CookieAuthentication",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # a test holds the schema against real answers instead
}

LOG_FORMAT = env.choice("IMAGEAPI_LOG_FORMAT", "keyvalue", options=["keyvalue", "json"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "keyvalue": {"()": "imageapi.observability.logs.KeyValue"},
        "json": {"()": "imageapi.observability.logs.Json"},
    },
    "filters": {"news": {"()": "django.utils.log.CallbackFilter", "callback": logs.is_news}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["news"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "celery": {"level": "WARNING"},
        # The answer is a 400; a stack trace for each would let anybody fill the log.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "httpx": {"level": "WARNING"},  # it would write every address, with the secrets in some
        **{
            name: {"level": env.choice("LOG_LEVEL", "INFO", options=["DEBUG", "INFO", "WARNING", "ERROR"])}
            for name in ("imageapi", "uploads", "processing", "realtime")
        },
    },
}
