"""Django's own settings: apps, middleware, hosts, static files, uploads."""

import os

from stagent.admin_theme import UNFOLD as UNFOLD
from stagent.settings.environment import read_flag, read_names
from stagent.settings.secret_key import keep_secret
from stagent.settings.site import BASE_DIR, STAGENT_HOME, STAGENT_MAX_BODY_BYTES

DEBUG = read_flag("STAGENT_DEBUG")
SECRET_KEY = os.environ.get("STAGENT_SECRET_KEY") or keep_secret(
    STAGENT_HOME / "secret-key"
)
_PUBLIC_HOSTS = read_names("STAGENT_ALLOWED_HOSTS")
STAGENT_LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = [*STAGENT_LOCAL_HOSTS, *_PUBLIC_HOSTS]
# A name that others can reach: behind a proxy on this machine every client looks local.
STAGENT_HAS_PUBLIC_HOST = bool(set(_PUBLIC_HOSTS) - set(STAGENT_LOCAL_HOSTS))

# Behind a proxy that ends TLS and sets X-Forwarded-Proto itself.
STAGENT_HTTPS = read_flag("STAGENT_HTTPS")
if STAGENT_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
# A name that starts with a dot stands for its subdomains, which Django writes with a star here.
CSRF_TRUSTED_ORIGINS = [
    f"https://{'*' if host.startswith('.') else ''}{host}" for host in _PUBLIC_HOSTS
]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",  # the pages' scripts and styles
    "ledger",
    "tasks",
    "agents",
    "stagent",
]

MIDDLEWARE = [
    "stagent.middleware.compression.CompressPagesMiddleware",
    "stagent.middleware.content_security.ContentSecurityMiddleware",
    "stagent.middleware.origin.OriginMiddleware",
    "stagent.middleware.encoding.Utf8Middleware",
    "django.middleware.security.SecurityMiddleware",
    "stagent.middleware.static_files.StaticFilesMiddleware",
    "stagent.middleware.browsers.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "stagent.middleware.browsers.AuthenticationMiddleware",
    "stagent.middleware.browsers.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "stagent.urls"
ASGI_APPLICATION = "stagent.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "stagent.formats"
LOGIN_REDIRECT_URL = "/admin/"
AUTHENTICATION_BACKENDS = ["tasks.access.rights.RightsBackend"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Beside the code, where all processes of a checkout share it, or else with the data.
STATIC_ROOT = (
    BASE_DIR / ".cache" if os.access(BASE_DIR, os.W_OK) else STAGENT_HOME
) / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "stagent.static_files.Storage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_ROOT = STAGENT_HOME / "documents"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "tasks.api.uploads.TemporaryFileUploadHandler",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = STAGENT_MAX_BODY_BYTES

SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SAMESITE = "Strict"
