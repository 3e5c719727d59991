"""Who may come in: users, groups and the tokens of the API."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from ledger.admin.long_lists import Admin
from tasks.access import authentication
from tasks.access.scopes import SCOPES
from tasks.admin import display
from tasks.models import ApiToken

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[ApiToken]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs

admin.site.unregister(User)
admin.site.unregister(Group)


class ForSuperusers(Admin):
    """What gives rights: who could change it could have any right, so it takes a superuser."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(StockUserAdmin, ForSuperusers):  # type: ignore[misc, type-arg]
    """People who may log in, for superusers."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, ForSuperusers):  # type: ignore[misc]
    """The roles, for superusers."""


class TokenForm(BaseForm):
    """A token, with its scopes to be ticked."""

    scopes = forms.MultipleChoiceField(
        required=False,
        choices=[(name, f"{name}: {what}") for name, what in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="What it is bound to, of what its user may; each may also read. None: it may"
        " do all that its user may.",
    )

    class Meta:
        model = ApiToken
        fields = ("name", "user", "scopes", "expires_at")

    def clean_scopes(self) -> str:
        ticked = self.cleaned_data["scopes"]
        return " ".join(scope for scope in SCOPES if scope in ticked)


@admin.register(ApiToken)
class ApiTokenAdmin(Admin):
    """The API's tokens: shown by their names, never themselves."""

    adds_when_empty = True
    empty_text = (
        "A token lets a program use the REST API. As long as there is none, a server"
        " that listens on this machine alone is open to it."
    )
    form = TokenForm
    list_display = (
        "name",
        "user",
        "beginning",
        "bounds",
        "state",
        "created",
        "used",
        "expires",
    )
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    search_help_text = "A part of its name or its user's"
    fields = ("name", "user", "scopes", "expires_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        kept = ("prefix", "created_at", "last_used_at")
        return (*self.fields, *kept) if obj else self.fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # it is in use as it is: delete it, add another

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Let only a superuser make tokens that act for somebody else."""
        if db_field.name == "user":
            users = User.objects.filter(is_active=True)
            own = users.filter(username=request.user.get_username())
            kwargs["queryset"] = users if request.user.is_superuser else own
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        token, text = ApiToken.objects.issue(
            user=obj.user,
            name=obj.name,
            scopes=obj.scopes,
            expires_at=obj.expires_at,
        )
        # The row is there now; what follows here names and logs it.
        obj.pk, obj.digest, obj._state = token.pk, token.digest, token._state
        authentication.forget_open()
        message = format_html(
            "The token, which is shown this once and kept nowhere: <code>{}</code>"
            " — send it as “Authorization: Bearer …”.",
            text,
        )
        self.message_user(request, message, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        obj.delete()
        authentication.forget_open()

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[ApiToken]
    ) -> None:
        queryset.delete()
        authentication.forget_open()

    @admin.display(description="Status")
    def state(self, token: ApiToken) -> str:
        if not token.user.is_active:
            return display.label("user inactive", "danger")
        if token.expires_at and token.expires_at <= timezone.now():
            return display.label("expired", "danger")
        return display.label("valid", "success")

    @admin.display(description="Begins with")
    def beginning(self, token: ApiToken) -> str:
        return f"{token.prefix}…" if token.prefix else display.EMPTY

    @admin.display(description="Scopes")
    def bounds(self, token: ApiToken) -> str:
        return ", ".join(token.scope_names) or "all its user's"

    @admin.display(description="Last used", ordering="last_used_at")
    def used(self, token: ApiToken) -> str:
        return display.ago(token.last_used_at) if token.last_used_at else "never"

    @admin.display(description="Created", ordering="created_at")
    def created(self, token: ApiToken) -> str:
        return display.ago(token.created_at)

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, token: ApiToken) -> str:
        return display.ago(token.expires_at) if token.expires_at else "never"
