"""Webhooks: who is sent what, what came of each delivery; to be tried, paused, sent again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from ledger.admin.long_lists import Admin
from tasks.admin import display
from tasks.admin.auditing import recorded
from tasks.models import Delivery, Webhook
from tasks.models.webhook import SUBSCRIBABLE
from tasks.webhooks import changes
from tasks.webhooks.addresses import find_url_problem

SHOWN_DELIVERIES = 50
SHOWN_RESPONSE = 200  # characters

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Webhook]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs


class WebhookForm(BaseForm):
    """A webhook, with the events to tick."""

    types = forms.MultipleChoiceField(
        label="Events",
        choices=[(str(kind), str(kind)) for kind in SUBSCRIBABLE],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: all events.",
    )

    class Meta:
        model = Webhook
        fields = ("name", "url", "format", "types", "project")
        widgets: ClassVar[Any] = {"url": UnfoldAdminTextInputWidget}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if problem := find_url_problem(url):
            raise forms.ValidationError(problem)
        return url


@admin.register(Webhook)
class WebhookAdmin(Admin):
    """Webhooks, with their latest deliveries."""

    form = WebhookForm
    adds_when_empty = True
    empty_text = (
        "A webhook sends what happens to an address: to a program, or to a channel of Slack"
        " or the like."
    )
    list_display = ("name", "state", "url", "format", "created")
    list_filter = ("status",)
    search_fields = ("name", "url")
    autocomplete_fields = ("project",)
    change_form_outer_before_template: Any = "tasks/webhook_before.html"

    @admin.display(description="Status")
    def state(self, webhook: Webhook) -> str:
        if webhook.status == Webhook.Status.ACTIVE and webhook.failing_since:
            return display.label("failing", "danger")
        return display.state(webhook.status, webhook.get_status_display())

    @admin.display(description="Created", ordering="created_at")
    def created(self, webhook: Webhook) -> str:
        return display.ago(webhook.created_at)

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        if change:
            obj.save(update_fields=[*form.changed_data, "updated_at"])
            return
        obj.created_by = request.user.get_username()
        obj.save(force_insert=True)
        self._show_secret(request, obj.secret)

    def _show_secret(self, request: HttpRequest, secret: str) -> None:
        message = format_html(
            "The secret that deliveries are signed with, shown this once: <code>{}</code>",
            secret,
        )
        self.message_user(request, message, messages.WARNING)

    # --- One webhook -----------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if webhook := kwargs.get("obj"):
            context |= {
                "webhook": webhook,
                "state": self.state(webhook),
                "failing": display.ago(webhook.failing_since),
                "deliveries": _list_deliveries(webhook),
                "may_change": self.has_change_permission(request, webhook),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        do = self.admin_site.admin_view(require_POST(self.do_view))
        again = self.admin_site.admin_view(require_POST(self.redeliver_view))
        return [
            path("<uuid:webhook_id>/do/<str:name>/", do, name="tasks_webhook_do"),
            path(
                "<uuid:webhook_id>/redeliver/<uuid:delivery_id>/",
                again,
                name="tasks_webhook_redeliver",
            ),
            *super().get_urls(),
        ]

    def do_view(
        self, request: HttpRequest, webhook_id: UUID, name: str
    ) -> HttpResponse:
        webhook = self._find(request, webhook_id)
        if name == "new_secret":
            with recorded(request, "new-secret", webhook):
                secret = changes.change_secret(webhook)
            self._show_secret(request, secret)
        elif name in VERBS:
            verb, done = VERBS[name]
            with recorded(request, name, webhook):
                verb(webhook, request.user.get_username())
            self.message_user(request, done, messages.SUCCESS)
        else:
            raise Http404
        return HttpResponseRedirect(display.find_page(webhook))

    def redeliver_view(
        self, request: HttpRequest, webhook_id: UUID, delivery_id: UUID
    ) -> HttpResponse:
        webhook = self._find(request, webhook_id)
        delivery = webhook.deliveries.filter(pk=delivery_id).first()
        if delivery is None:
            raise Http404
        after = {"deliveryId": str(delivery.pk)}
        with recorded(request, "redeliver", webhook, after=after):
            changes.redeliver(delivery)
        self.message_user(request, "It is sent again.", messages.SUCCESS)
        return HttpResponseRedirect(display.find_page(webhook))

    def _find(self, request: HttpRequest, webhook_id: UUID) -> Webhook:
        webhook = Webhook.objects.filter(pk=webhook_id).first()
        if webhook is None:
            raise Http404
        if not self.has_change_permission(request, webhook):
            raise PermissionDenied
        return webhook


Verb = Callable[[Webhook, str], object]
VERBS: dict[str, tuple[Verb, str]] = {
    "test": (
        lambda webhook, by: changes.send_test(webhook),
        "A test is on its way: its row below says what came of it.",
    ),
    "pause": (
        lambda webhook, by: changes.pause(webhook.pk, f"Paused by {by}."),
        "Paused.",
    ),
    "resume": (lambda webhook, by: changes.resume(webhook.pk), "Resumed."),
}


def _list_deliveries(webhook: Webhook) -> list[dict[str, Any]]:
    rows = webhook.deliveries.select_related("event")[:SHOWN_DELIVERIES]
    return [
        {
            "id": delivery.pk,
            "created": display.ago(delivery.created_at),
            "event": delivery.event.type,
            "state": display.state(delivery.status, delivery.get_status_display()),
            "attempts": delivery.attempts,
            "next": (
                display.ago(delivery.next_attempt_at)
                if delivery.status == Delivery.Status.PENDING
                else display.EMPTY
            ),
            "response": delivery.response_status or display.EMPTY,
            "text": display.shorten(
                delivery.error or delivery.response_text, SHOWN_RESPONSE
            ),
        }
        for delivery in rows
    ]
