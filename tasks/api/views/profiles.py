"""/api/profiles: those of files, to read and to copy; those of rows, to make, change and remove."""

from typing import Any

from django.db import IntegrityError, transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from tasks import catalog
from tasks.access.authentication import actor
from tasks.api import responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.representation.profiles import (
    read_settings,
    represent_profile,
    represent_whole,
)
from tasks.api.requests.profiles import CreateProfile, UpdateProfile
from tasks.api.views.base import ApiViewSet
from tasks.api.zod import Invalid
from tasks.catalog import profile_settings
from tasks.catalog.profile_copies import copy_settings
from tasks.models import StoredProfile

JSON = dict[str, Any]

validate_create = CreateProfile.validator()
validate_update = UpdateProfile.validator()
READ_ONLY = "This profile is a file of the server, and read-only: copy it by copyOf."


class ProfileViewSet(ApiViewSet):
    """Profiles: how agents are to behave."""

    serializer_class = CreateProfile

    @extend_schema(responses={200: responses.Profile(many=True)})
    def list(self, request: Request) -> Response:
        """List the profiles, built-in, the site's own and those made here."""
        return Response([represent_profile(one) for one in catalog.profiles().values()])

    @extend_schema(
        request=CreateProfile, responses={201: responses.ProfileWithInstructions}
    )
    def create(self, request: Request) -> Response:
        """Make a profile, or a changed copy of another one."""
        body = json_body(request)
        data = _validate(validate_create, body, CreateProfile)
        profile_id, source = data.pop("id"), data.pop("copyOf", None)
        settings = {} if source is None else _copy(source)
        settings = _change(settings, data)
        if missing := [key for key in profile_settings.REQUIRED if key not in settings]:
            raise Invalid(
                {
                    "formErrors": [],
                    "fieldErrors": {key: ["Required"] for key in missing},
                }
            )
        taken = Invalid.field("id", f"A profile with this id exists: {profile_id}")
        if catalog.profile(profile_id):
            raise taken
        try:
            with transaction.atomic():
                row = StoredProfile.objects.create(
                    id=profile_id, settings=settings, changed_by=actor(request)
                )
        except IntegrityError:  # somebody else was faster
            raise taken from None
        return Response(represent_whole(row.make_profile()), status=201)

    @extend_schema(responses={200: responses.ProfileWithInstructions})
    def retrieve(self, request: Request, profile_id: str) -> Response:
        """Get one profile with its instructions."""
        return Response(represent_whole(_get(profile_id)))

    @extend_schema(
        request=UpdateProfile, responses={200: responses.ProfileWithInstructions}
    )
    def partial_update(self, request: Request, profile_id: str) -> Response:
        """Change what is named; null takes a setting away. Runs that have begun keep what they have."""
        data = _validate(validate_update, json_body(request), UpdateProfile)
        with transaction.atomic():
            row = _get_row(profile_id)
            row.settings = _change(row.settings, data)
            row.changed_by = actor(request)
            row.save(update_fields=["settings", "changed_by", "updated_at"])
        return Response(represent_whole(row.make_profile()))

    @extend_schema(
        request=UpdateProfile, responses={200: responses.ProfileWithInstructions}
    )
    def update(self, request: Request, profile_id: str) -> Response:
        """Do what PATCH does, for clients that send a profile whole."""
        return self.partial_update(request, profile_id)

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, profile_id: str) -> Response:
        """Remove a profile; tasks that name it do not start until they name another."""
        with transaction.atomic():
            _get_row(profile_id).delete()
        return Response({"success": True})


def _get(profile_id: str) -> catalog.Profile:
    profile = catalog.profile(profile_id)
    if profile is None:
        raise Http404("Profile not found")
    return profile


def _get_row(profile_id: str) -> StoredProfile:
    """Return the row, locked, or raise that it is a file's or is not there."""
    row = StoredProfile.objects.select_for_update().filter(pk=profile_id).first()
    if row is None:
        _get(profile_id)
        raise PermissionDenied(READ_ONLY)
    return row


def _validate(validate: Any, body: Any, form: Any) -> JSON:
    """Check a body by its form; what the form does not know is an error, too."""
    data: JSON = validate(body)
    if unknown := [key for key in body if key not in form().fields]:
        errors = {key[:128]: ["Unrecognized key"] for key in unknown[:20]}
        raise Invalid({"formErrors": [], "fieldErrors": errors})
    return data


def _copy(source: str) -> JSON:
    profile = catalog.profile(source)
    if profile is None:
        raise Invalid.field("copyOf", f"Profile not found: {source[:128]}")
    return copy_settings(profile)


def _change(settings: JSON, data: JSON) -> JSON:
    """Return the settings with what a body says of them, or raise Invalid with each field."""
    changed, errors = dict(settings), {}
    said: set[str] = set()
    for field, name, value in read_settings(data):
        if name in said:
            errors[field] = [f"The same as {name}, which is given, too"]
        elif value is None:
            changed.pop(name, None)
        elif problem := profile_settings.find_problem(name, value):
            errors[field] = [problem[:1].upper() + problem[1:]]
        else:
            changed[name] = value
        said.add(name)
    if errors:
        raise Invalid({"formErrors": [], "fieldErrors": errors})
    return changed
