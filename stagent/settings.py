"""Settings, read from the environment. Everything runs with none of them set."""

import os
import secrets
import socket
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from stagent import home
from stagent.admin_theme import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str) -> bool:
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def _names(name: str) -> list[str]:
    return [
        part.strip() for part in os.environ.get(name, "").split(",") if part.strip()
    ]


def _whole_number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise ImproperlyConfigured(f"{name} takes a whole number; got {text!r}.")
    return int(text)


def _kept_secret(file: Path) -> str:
    """Make a secret at the first start and keep it, so that sessions outlive a restart."""
    try:
        return _read_or_make(file)
    except OSError as error:
        raise ImproperlyConfigured(
            f"Cannot keep a secret in {file}: {error.strerror}. Give that file to the user"
            " that runs this, or set STAGENT_SECRET_KEY."
        ) from error


def _read_or_make(file: Path) -> str:
    if not file.exists():
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, file)  # of two first starts, one wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()


# --- Ours ---------------------------------------------------------------------------

# Where the data lives: database, workspaces, documents, a site's own profiles.
STAGENT_HOME = Path(os.environ.get("STAGENT_HOME") or BASE_DIR / ".stagent").resolve()
home.make_private(STAGENT_HOME)
# Runs that one worker performs at once. They wait on the network, so hundreds are fine.
STAGENT_WORKER_CONCURRENCY = _whole_number("STAGENT_WORKER_CONCURRENCY", 300)
# Of those, agents that are processes of their own (claude-code, codex): about 300 MiB each.
STAGENT_AGENT_PROCESSES = _whole_number("STAGENT_AGENT_PROCESSES", 20)
# What a command of an agent, or an agent with its commands, may take: processes and threads;
# memory, of each process and of all together; the size of a file; what it leaves of the disk.
STAGENT_COMMAND_PROCESSES = _whole_number("STAGENT_COMMAND_PROCESSES", 1_000)
STAGENT_COMMAND_MEMORY_MB = _whole_number("STAGENT_COMMAND_MEMORY_MB", 4_096)
STAGENT_COMMAND_FILE_MB = _whole_number("STAGENT_COMMAND_FILE_MB", 4_096)
STAGENT_COMMAND_FREE_DISK_MB = _whole_number("STAGENT_COMMAND_FREE_DISK_MB", 1_024)
# With less than this left on the disk of STAGENT_HOME, /health/ready says so.
STAGENT_MIN_FREE_DISK_MB = _whole_number("STAGENT_MIN_FREE_DISK_MB", 256)
# Each night, what finished tasks left that nobody changed for so many days is removed; 0: never.
STAGENT_PRUNE_DAYS = _whole_number("STAGENT_PRUNE_DAYS", 0)
STAGENT_PRUNE_KINDS = _names("STAGENT_PRUNE_KINDS") or ["logs", "workspaces"]
if unknown := set(STAGENT_PRUNE_KINDS) - {"logs", "workspaces", "tasks"}:
    raise ImproperlyConfigured(
        f"STAGENT_PRUNE_KINDS takes logs, workspaces and tasks; got {sorted(unknown)[0]!r}."
    )
# The longest that a run is parked because its provider's rate limit opens only then.
STAGENT_MAX_PARK_SECONDS = _whole_number("STAGENT_MAX_PARK_SECONDS", 6 * 3600)
# How many days what came of a schedule's firings is kept, but for the last of each.
STAGENT_FIRING_DAYS = _whole_number("STAGENT_FIRING_DAYS", 90)
# How long who asks `POST /api/tasks/assist` is kept waiting for a model's answer.
STAGENT_ASSIST_SECONDS = _whole_number("STAGENT_ASSIST_SECONDS", 300)
# How long a worker that is gone keeps its runs; it renews them at a third of that.
STAGENT_LEASE_SECONDS = _whole_number("STAGENT_LEASE_SECONDS", 30)
# Seconds without content from a provider after which the log says so.
STAGENT_SILENCE_SECONDS = _whole_number("STAGENT_SILENCE_SECONDS", 120)
# Seconds without content after which a provider is given up, and its run fails. Longer than
# any command may take, and than a reasoning model thinks in silence.
STAGENT_PROVIDER_TIMEOUT_SECONDS = _whole_number(
    "STAGENT_PROVIDER_TIMEOUT_SECONDS", 900
)
# The runtime of tasks that name none; empty: the first of the five that is ready.
STAGENT_DEFAULT_RUNTIME = os.environ.get("STAGENT_DEFAULT_RUNTIME", "")
# Every route needs a token or a login, on loopback and without tokens issued too.
STAGENT_REQUIRE_AUTH = _flag("STAGENT_REQUIRE_AUTH")
# /metrics to anybody who reaches it, instead of to who may view the ledger.
STAGENT_METRICS_OPEN = _flag("STAGENT_METRICS_OPEN")
# Where the web processes of this machine keep what each of them counts.
os.environ.setdefault(
    "PROMETHEUS_MULTIPROC_DIR", str(STAGENT_HOME / "metrics" / socket.gethostname())
)
# Lets tests run tasks on the scripted runtime `echo`.
STAGENT_ENABLE_ECHO = _flag("STAGENT_ENABLE_ECHO")
# Bytes: a JSON body, an uploaded document.
STAGENT_MAX_BODY_BYTES = 10 * 2**20
STAGENT_MAX_UPLOAD_BYTES = 100 * 2**20

# --- Django's -----------------------------------------------------------------------

DEBUG = _flag("STAGENT_DEBUG")
SECRET_KEY = os.environ.get("STAGENT_SECRET_KEY") or _kept_secret(
    STAGENT_HOME / "secret-key"
)
_PUBLIC_HOSTS = _names("STAGENT_ALLOWED_HOSTS")
STAGENT_LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = [*STAGENT_LOCAL_HOSTS, *_PUBLIC_HOSTS]
# A name that others can reach: behind a proxy on this machine every client looks local.
STAGENT_HAS_PUBLIC_HOST = bool(set(_PUBLIC_HOSTS) - set(STAGENT_LOCAL_HOSTS))

# Behind a proxy that ends TLS and sets X-Forwarded-Proto itself.
STAGENT_HTTPS = _flag("STAGENT_HTTPS")
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

# --- The database: SQLite on a laptop, PostgreSQL at a site ------------------------------

DATABASE_URL = os.environ.get("DATABASE_URL", "")


def _parse_database_url(**options: Any) -> dict[str, Any]:
    try:
        return dict(dj_database_url.parse(DATABASE_URL, **options))
    except ValueError:  # its text may hold a password
        raise ImproperlyConfigured(
            "DATABASE_URL is no address of a database, such as"
            " postgres://user:password@host:5432/name."
        ) from None


def _database() -> dict[str, Any]:
    if DATABASE_URL and not DATABASE_URL.startswith("sqlite:"):
        postgres = _parse_database_url(conn_max_age=600, conn_health_checks=True)
        # A frozen worker must not hold a task's row for ever.
        frozen = max(STAGENT_LEASE_SECONDS, 10) * 1000
        postgres.setdefault("OPTIONS", {})["options"] = (
            f"-c idle_in_transaction_session_timeout={frozen}"
            # As long as SQLite waits. What holds a row or a table longer is not at work.
            " -c lock_timeout=30000"
        )
        # Seconds. A host that is gone does not say so.
        postgres["OPTIONS"].setdefault("connect_timeout", 5)
        return postgres
    file = STAGENT_HOME / "stagent.sqlite3"
    parsed = _parse_database_url() if DATABASE_URL else {"NAME": str(file)}
    if parsed["NAME"] != ":memory:":
        home.make_database_private(Path(parsed["NAME"]))
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": parsed["NAME"],
        "CONN_MAX_AGE": None,
        # A file in tests too: threads have connections of their own.
        "TEST": {"NAME": str(STAGENT_HOME / "test.sqlite3")},
        "OPTIONS": {
            # Taking the write lock at BEGIN is what makes read-then-write safe.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
                "PRAGMA cache_size=-16000;PRAGMA mmap_size=134217728;"
                "PRAGMA temp_store=MEMORY;"
            ),
        },
    }


DATABASES = {"default": _database()}

# --- The rings: in this process on a laptop, over Redis at a site ------------------------

# The embedded model belongs to `serve`: at a site, workers have none unless they are told.
STAGENT_HAS_EMBEDDED_MODEL = not DATABASE_URL or bool(
    os.environ.get("STAGENT_EMBEDDED_URL")
)

REDIS_URL = os.environ.get("REDIS_URL", "")

if REDIS_URL:
    from redis.connection import parse_url  # slow to load

    EVENTSTREAM_REDIS = parse_url(REDIS_URL)  # type: ignore[no-untyped-call]
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # Longer than the layer's own blocking pop of 5 s, which is redis-py's default.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 20}]},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# --- The API ---------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["tasks.api.errors.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tasks.api.errors.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "tasks.api.errors.OneRenderer",
    "EXCEPTION_HANDLER": "tasks.api.errors.exception_handler",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tasks.access.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tasks.access.rights.HasRight"],
    "DEFAULT_SCHEMA_CLASS": "tasks.api.openapi.Schema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Stagent",
    "DESCRIPTION": "Tasks for AI agents: create, queue, execute, stream, answer, account.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True},
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_PATCH": False,  # what a PATCH takes is a body of its own already
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tasks.api.openapi_hook.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "EventType": "tasks.models.EventType.values",
        "AssignedAgent": "tasks.catalog.RUNTIME_NAMES",
        "ContentType": "tasks.api.responses.tasks.CONTENT_TYPES",
        "Period": "ledger.models.Period.values",
        "TaskStatus": "tasks.models.Status.values",
        "RunStatus": "tasks.api.responses.provenance.RUN_STATUSES",
        "WorkflowStatusName": "tasks.api.responses.workflows.STATUSES",
        "WorkflowRunStatus": "tasks.api.responses.workflows.RUN_STATUSES",
        "WorkflowStepStatus": "tasks.api.responses.workflows.STEP_STATUSES",
        "WorkflowStopReason": "tasks.api.responses.workflows.STOP_REASONS",
        "DocumentStatus": "tasks.api.responses.documents.DOCUMENT_STATUSES",
        "DocumentDirection": "tasks.api.responses.documents.DIRECTIONS",
        "FileState": "tasks.api.responses.files.FILE_STATES",
        "NotificationType": "tasks.api.responses.notifications.NOTIFICATION_TYPES",
        "NotificationStatus": "tasks.api.responses.notifications.NOTIFICATION_STATUSES",
        "UsageGroupName": "tasks.api.responses.usage.GROUP_NAMES",
        "Effect": "tasks.api.responses.permission_rules.EFFECTS",
        "RuleScope": "tasks.api.responses.permission_rules.RULE_SCOPES",
        "BudgetScope": "ledger.models.Scope.values",
        "ScheduleStatus": "tasks.api.responses.schedules.SCHEDULE_STATUSES",
        "NewScheduleStatus": "tasks.api.requests.schedules.NEW_STATUSES",
        "ScheduleType": "tasks.api.responses.schedules.SCHEDULE_TYPES",
        "Overlap": "tasks.api.responses.schedules.OVERLAPS",
        "CatchUp": "tasks.api.responses.schedules.CATCH_UPS",
        "FiringStatus": "tasks.api.responses.schedules.FIRING_STATUSES",
        "HeartbeatEventName": "tasks.api.responses.schedules.HEARTBEAT_EVENTS",
        "ReportItemStatus": "tasks.api.responses.schedules.REPORT_STATUSES",
        "ChecklistPriority": "tasks.api.responses.schedules.CHECKLIST_PRIORITIES",
    },
    # What it cannot tell by itself is told by hand: it would warn at every request.
    "DISABLE_ERRORS_AND_WARNINGS": True,
    "SERVE_PERMISSIONS": ["tasks.access.rights.HasRight"],
}

# --- Logging ---------------------------------------------------------------------------

# "line" for people; "json", one object a line, for what gathers logs.
STAGENT_LOG_FORMAT = os.environ.get("STAGENT_LOG_FORMAT") or "line"
if STAGENT_LOG_FORMAT not in {"line", "json"}:
    raise ImproperlyConfigured(
        f"STAGENT_LOG_FORMAT is line or json; got {STAGENT_LOG_FORMAT!r}."
    )
# Each request and each run: people have the pages for that.
_EACH_EVENT = "INFO" if STAGENT_LOG_FORMAT == "json" else "WARNING"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "tasks.observability.credentials.Formatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "tasks.observability.log_lines.JsonFormatter"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": STAGENT_LOG_FORMAT}
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "stagent": {"level": "INFO"},
        "tasks": {"level": "INFO"},
        "agents": {"level": "INFO"},
        "stagent.requests": {"level": _EACH_EVENT},
        "agents.runs": {"level": _EACH_EVENT},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
