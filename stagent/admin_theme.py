"""How the admin is named, coloured and laid out."""

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse


def _item(request: HttpRequest, title: str, icon: str, model: str) -> dict[str, Any]:
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
    }


def _approvals() -> dict[str, Any]:
    """Make the item of the inbox, with the number of requests that wait."""
    # By its name, for settings are read before models.
    pending = apps.get_model("tasks", "PermissionRequest").objects.pending().count()
    badge = {"badge": str(pending), "badge_variant": "warning"} if pending else {}
    return {
        "title": "Approvals",
        "icon": "front_hand",
        "link": reverse("approvals"),
        "permission": lambda request: request.user.has_perm(
            "tasks.view_permissionrequest"
        ),
        **badge,
    }


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Lay the sidebar out, with what waits for a person first."""

    def item(title: str, icon: str, model: str) -> dict[str, Any]:
        return _item(request, title, icon, model)

    overview = {
        "title": "Overview",
        "icon": "dashboard",
        "link": reverse("admin:index"),
    }
    return [
        {
            "items": [
                overview,
                item("Tasks", "task_alt", "tasks.task"),
                _approvals(),
                item("Rules", "rule", "tasks.permissionrule"),
            ]
        },
        {
            "title": "Material",
            "items": [
                item("Projects", "folder", "tasks.project"),
                item("Documents", "description", "tasks.document"),
                item("Workflows", "account_tree", "tasks.workflow"),
                item("Schedules", "schedule", "tasks.schedule"),
            ],
        },
        {
            "title": "Records",
            "items": [
                item("Permission requests", "history", "tasks.permissionrequest"),
                item("Runs", "play_circle", "tasks.run"),
                item("Sessions", "forum", "tasks.session"),
                item("Log", "list_alt", "tasks.logentry"),
            ],
        },
        {
            "title": "Costs",
            "items": [
                {
                    "title": "Costs",
                    "icon": "bar_chart",
                    "link": reverse("costs"),
                    "permission": lambda request: request.user.has_perm(
                        "ledger.view_ledgerentry"
                    ),
                },
                item("Ledger", "receipt_long", "ledger.ledgerentry"),
                item("Budgets", "savings", "ledger.budget"),
                item("Reservations", "lock_clock", "ledger.reservation"),
            ],
        },
        {
            "title": "Access",
            "items": [
                item("Audit", "manage_search", "tasks.auditentry"),
                item("API tokens", "key", "tasks.apitoken"),
                item("Users", "person", "auth.user"),
                item("Groups", "group", "auth.group"),
            ],
        },
    ]


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Stagent",
    "SITE_HEADER": "Stagent",
    "SITE_SUBHEADER": "AI agent tasks",
    "SITE_SYMBOL": "theater_comedy",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("tasks/icon.svg"),
        }
    ],
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [
        lambda request: static("tasks/admin.css"),
        lambda request: static("tasks/console.css"),
    ],
    "SCRIPTS": [
        lambda request: static("tasks/select2_names.js"),
        lambda request: static("tasks/times.js"),
        lambda request: static("tasks/server.js"),
        lambda request: static("tasks/waiting.js"),
    ],
    "DASHBOARD_CALLBACK": "tasks.admin.overview.view.fill",
    "SIDEBAR": {"navigation": navigation},
    "COLORS": {
        "primary": {
            "50": "oklch(96.2% 0.018 272.3)",
            "100": "oklch(93% 0.034 272.8)",
            "200": "oklch(87% 0.065 274)",
            "300": "oklch(78.5% 0.115 274.7)",
            "400": "oklch(67.3% 0.182 276.9)",
            "500": "oklch(58.5% 0.233 277.1)",
            "600": "oklch(51.1% 0.262 276.97)",
            "700": "oklch(45.7% 0.24 277)",
            "800": "oklch(39.8% 0.195 277.4)",
            "900": "oklch(35.9% 0.144 278.7)",
            "950": "oklch(25.7% 0.09 281.3)",
        }
    },
}
