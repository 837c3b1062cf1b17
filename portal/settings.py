"""Every setting, read once from the environment; a value it cannot read is refused by name.

A fresh clone gets all of this from ``bin/run``; ``.env.example`` lists what may be set.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from celery.schedules import schedule
from csp.constants import NONCE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from portal.proxies import Networks

BASE_DIR = Path(__file__).resolve().parent.parent
PRIVATE_DIR = BASE_DIR / ".local"


def env(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set; bin/run sets it, see .env.example")
    return value


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value not in ("true", "false"):
        raise ImproperlyConfigured(f"{name} is {value!r}; use true or false")
    return value == "true"


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    if not re.fullmatch(r"\d+", value):
        raise ImproperlyConfigured(f"{name} is {value!r}; use a whole number")
    return int(value)


def env_list(name: str) -> list[str]:
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


def env_networks(name: str, default: str) -> Networks:
    value = os.environ.get(name, default)
    try:
        return Networks.parse([part.strip() for part in value.split(",") if part.strip()])
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} is {value!r} ({error}); use addresses, networks or the word unix"
        ) from error


def database(url: str, **options: Any) -> dict[str, Any]:
    """Return Django's settings for ``postgres://user:password@host:port/name``."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            "a database address must read postgres://user:password@host:port/name"
        )
    return {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        **options,
    }


def unfit_secret(key: str) -> bool:
    """True for a secret that is short, of few letters, or printed in a file that all can read."""
    printed = ("django-insecure", "only-for-tools", "change", "replace", "<")
    return len(key) < 50 or len(set(key)) < 12 or key.lower().startswith(printed)


DEBUG = env_bool("DEBUG", False)
TOOL = env_bool("TOOL", False)
SECRET_KEY = env("SECRET_KEY", "only-for-tools-that-never-serve" if TOOL else None)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or ["127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.gis",
    "django.contrib.postgres",
    "csp",
    "leaflet",
    "rest_framework",
    "drf_spectacular",
    "catalog",
    "processing",
    "portal",
]

MIDDLEWARE = [
    # First: all that follow see the client's address and scheme, not the proxy's.
    "portal.proxies.TrustedProxyMiddleware",
    "portal.requests.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "csp.context_processors.nonce",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context_processors.site",
            ]
        },
    }
]

# --- Data ------------------------------------------------------------------------------------
# "default" is the role of the process: the worker's (owner) for Celery and manage.py, the web
# role for gunicorn. "download" reads only and may take long. "progress" is a second, autocommit
# connection of a worker: what it writes is seen while the work's transaction still runs.
_DATABASE_URL = env("DATABASE_URL", "postgres://tool@127.0.0.1/tool" if TOOL else None)
_POOL = {"OPTIONS": {"pool": {"min_size": 1, "max_size": 8, "timeout": 10}}}
DATABASES = {
    "default": database(_DATABASE_URL, **(_POOL if env_bool("DB_POOL", False) else {})),
    "download": database(env("DOWNLOAD_DATABASE_URL", _DATABASE_URL), TEST={"MIRROR": "default"}),
    "progress": database(_DATABASE_URL, TEST={"MIRROR": "default"}),
}
AUTH_USER_MODEL = "catalog.User"
DATA_DIR = Path(env("PORTAL_DATA_DIR", str(PRIVATE_DIR / "data")))
STAFF_PASSWORD_FILE = env("PORTAL_STAFF_PASSWORD_FILE", "")

# --- Work ------------------------------------------------------------------------------------
CELERY_BROKER_URL = env("REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "retry_on_timeout": True,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "processing.sweep", "schedule": schedule(10.0)},
    "screen-types": {"task": "processing.screen_types", "schedule": schedule(600.0)},
    # Often enough that the map follows within a minute, seldom enough to gather many changes.
    "map-tiles": {"task": "processing.map_tiles", "schedule": schedule(20.0)},
    "felt": {"task": "processing.felt", "schedule": schedule(5.0)},
    # Every six hours: a night on which nothing ran is made up for.
    "forget-senders": {"task": "processing.forget_senders", "schedule": schedule(6 * 3600.0)},
}
WORK_LEASE_SECONDS = env_int("WORK_LEASE_SECONDS", 30)
WORK_MAX_ATTEMPTS = 5

# --- Event types -----------------------------------------------------------------------------
#: A depth that was found, not set, and is deeper than this by its error excludes a blast [km].
EVENT_TYPE_DEEPEST_BLAST_KM = float(env_int("EVENT_TYPE_DEEPEST_BLAST_KM", 10))

# --- Uploads ---------------------------------------------------------------------------------
UPLOAD_MAX_BYTES = env_int("UPLOAD_MAX_BYTES", 50 * 1024 * 1024)
UPLOAD_MAX_FILES = 20
READ_MAX_SECONDS = env_int("READ_MAX_SECONDS", 300)
READ_MAX_MEMORY_MB = env_int("READ_MAX_MEMORY_MB", 2048)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = os.environ.get("TMPDIR")

# --- Exports ---------------------------------------------------------------------------------
#: One file, all that are kept together, and how long each is. QuakeML of a million events has 2 GB.
EXPORT_MAX_BYTES = env_int("EXPORT_MAX_BYTES", 4 * 1024**3)
EXPORT_SPACE_BYTES = env_int("EXPORT_SPACE_BYTES", 20 * 1024**3)
EXPORT_DAYS = env_int("EXPORT_DAYS", 30)

# --- Felt reports ----------------------------------------------------------------------------
#: Of devices and addresses only hashes with this key are stored: catalog/felt_senders.py.
FELT_SECRET = env("FELT_SECRET", "") or SECRET_KEY
#: More within an hour are kept and flagged. A village, or much of a mobile network, may stand
#: behind one address.
FELT_DEVICE_PER_HOUR = env_int("FELT_DEVICE_PER_HOUR", 10)
FELT_ADDRESS_PER_HOUR = env_int("FELT_ADDRESS_PER_HOUR", 3000)
#: More are not kept, so that nobody fills the disk: of one address, and in all. A report has about
#: 1 KB, with the longest comment 5.
FELT_ADDRESS_MOST_PER_HOUR = env_int("FELT_ADDRESS_MOST_PER_HOUR", 20_000)
FELT_MOST_PER_DAY = env_int("FELT_MOST_PER_DAY", 1_000_000)
#: A cell or settlement with fewer reports is not published.
FELT_MINIMUM_REPORTS = env_int("FELT_MINIMUM_REPORTS", 3)
#: So long a report's sender can be told apart by the hashes of device and address.
FELT_SENDER_DAYS = env_int("FELT_SENDER_DAYS", 30)

# --- Pages -----------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("kk", _("Kazakh")), ("ru", _("Russian")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
FORMAT_MODULE_PATH = ["portal.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "desk"
LOGOUT_REDIRECT_URL = "map"

STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", str(PRIVATE_DIR / "static")))
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("vendor/world-atlas", BASE_DIR / "node_modules" / "world-atlas"),
    (
        "vendor/source-sans-3",
        BASE_DIR / "node_modules" / "@fontsource-variable" / "source-sans-3" / "files",
    ),
    ("vendor/topojson-client", BASE_DIR / "node_modules" / "topojson-client" / "dist"),
    ("vendor/geographiclib-geodesic", BASE_DIR / "node_modules" / "geographiclib-geodesic"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.staticfiles.ModuleManifestStorage"},
}
WHITENOISE_MAX_AGE = 0 if DEBUG else 60

LEAFLET_CONFIG = {
    "DEFAULT_CENTER": (45.0, 72.0),
    "DEFAULT_ZOOM": 5,
    "MIN_ZOOM": 3,
    "MAX_ZOOM": 12,
    # No tiles from outside unless the operator sets them: the basemap is ours and works offline.
    "TILES": [],
    "ATTRIBUTION_PREFIX": "",
    "RESET_VIEW": False,
    "NO_GLOBALS": True,
    "FORCE_IMAGE_PATH": True,
}
ONLINE_TILES_URL = env("ONLINE_TILES_URL", "")
# Active faults are not shipped: a GeoJSON file on this server, and whom its licence asks to name.
ACTIVE_FAULTS_FILE = env("ACTIVE_FAULTS_FILE", "")
ACTIVE_FAULTS_CREDIT = env("ACTIVE_FAULTS_CREDIT", "")

# --- Trust -----------------------------------------------------------------------------------
_TILE_HOST = (
    [f"{urlsplit(ONLINE_TILES_URL).scheme}://{urlsplit(ONLINE_TILES_URL).netloc}"]
    if ONLINE_TILES_URL
    else []
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        # Leaflet positions its panes through the CSSOM, which needs no style-src exception.
        "img-src": [SELF, "data:", *_TILE_HOST],
        "connect-src": [SELF],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": [SELF],
        "report-uri": ["/csp-report"],
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
HTTPS = env_bool("HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = HTTPS
# Programs of this machine ask these without a proxy; no secret is in them.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env_int("HSTS_SECONDS", 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env_bool("HSTS_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = env_bool("HSTS_PRELOAD", False)
#: Whose word on the client's address and scheme is taken: see portal/proxies.py.
TRUSTED_PROXIES = env_networks("TRUSTED_PROXIES", "")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
#: Who may read /metrics without the token. A Unix socket is guarded by its file's mode.
METRICS_NETWORKS = env_networks("METRICS_NETWORKS", "127.0.0.0/8,::1,unix")
METRICS_TOKEN = env("METRICS_TOKEN", "")
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "catalog.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.1",
    "TITLE": "Earthquake catalogue of Kazakhstan",
    "DESCRIPTION": (
        "Reading is open to anyone and needs no key; uploads and runs need an access token. Times "
        "are ISO 8601 UTC, numbers are numbers, what was not reported is null. Answers carry an "
        "ETag: asking again with If-None-Match costs almost nothing. The FDSN services describe "
        "themselves: /fdsnws/event/1/application.wadl."
    ),
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["catalog.api.openapi.finish"],
}

SILENCED_SYSTEM_CHECKS = [
    # Whether other hosts below the domain speak HTTPS only, its owner knows: HSTS_SUBDOMAINS.
    "security.W005",
    # Browsers' built-in lists are a step nobody takes by default: HSTS_PRELOAD.
    "security.W021",
    # GDAL before 3.9 may follow links in spatial references and rasters; no visitor's file and no
    # word of a request ever reaches GDAL.
    "gis.W001",
]

# --- Identity --------------------------------------------------------------------------------
#: The authority of our QuakeML resource ids: smi:<authority>/...
QUAKEML_AUTHORITY = env("QUAKEML_AUTHORITY", "kz.seismo.portal")
#: The code under which computed solutions and the merged catalogue appear.
PORTAL_AGENCY_CODE = env("PORTAL_AGENCY_CODE", "KZPORTAL")

# --- The stream of changes -------------------------------------------------------------------
#: Where it is read when no proxy joins it to this site (bin/run): /stream/events leads there.
STREAM_URL = env("STREAM_URL", "")
#: How the site is called in the stream's links; empty: as the reader called it.
SITE_URL = env("SITE_URL", "")

# --- Logs ------------------------------------------------------------------------------------
LOG_FORMAT = env("LOG_FORMAT", "text")
if LOG_FORMAT not in ("text", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}; use text or json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "portal.logs.TextFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "json": {"()": "portal.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", "INFO")},
    # A line each time rows are added to a GeoPackage says nothing.
    "loggers": {"pyogrio": {"level": "WARNING"}},
}

# --- Production ------------------------------------------------------------------------------
#: Served to others: then nothing that is only good for a developer's machine is accepted.
PRODUCTION = env_bool("PRODUCTION", HTTPS)
if PRODUCTION:
    unfit = [
        reason
        for reason, found in (
            ("DEBUG is true", DEBUG),
            ("TOOL is true", TOOL),
            ("SECRET_KEY is the example's or shorter than 50 characters", unfit_secret(SECRET_KEY)),
            ("HTTPS is not true", not HTTPS),
            ("ALLOWED_HOSTS is not set, or allows all", env_list("ALLOWED_HOSTS") in ([], ["*"])),
        )
        if found
    ]
    if unfit:
        raise ImproperlyConfigured(f"not fit for production: {'; '.join(unfit)}")
