"""What a task may ask for: runtimes and profiles."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks import catalog
from tasks.api import responses
from tasks.api.json import Response
from tasks.api.views.base import ApiView


class RuntimesView(ApiView):
    """The runtimes, and whether each is ready."""

    @extend_schema(responses={200: responses.Runtime(many=True)})
    def get(self, request: Request) -> Response:
        """List the runtimes, whether each is ready and, if not, what mends it."""
        default = catalog.default_runtime()
        return Response(
            [_runtime(facts, default) for facts in catalog.RUNTIMES.values()]
        )


def _runtime(
    facts: catalog.RuntimeFacts, default: catalog.RuntimeFacts | None
) -> dict[str, Any]:
    readiness = facts.readiness()
    return {
        "id": facts.name,
        "name": facts.title,
        "provider": facts.provider,
        "description": facts.description,
        "isReady": readiness.is_ready,
        "isDefault": facts is default,
        "reason": readiness.reason or None,
        "fix": readiness.fix or None,
        "version": readiness.version,
        "canResume": facts.can_resume,
        "editsInput": facts.edits_input,
        "model": facts.model() or None,
        "models": facts.models(),
        "efforts": facts.efforts,
    }


class ProfilesView(ApiView):
    """The profiles, without their instructions."""

    @extend_schema(responses={200: responses.Profile(many=True)})
    def get(self, request: Request) -> Response:
        """List the profiles, built-in and the site's own."""
        return Response([_profile(profile) for profile in catalog.profiles().values()])


class ProfileView(ApiView):
    """One profile, with its instructions."""

    @extend_schema(responses={200: responses.ProfileWithInstructions})
    def get(self, request: Request, profile_id: str) -> Response:
        """Get one profile with its instructions."""
        profile = catalog.profile(profile_id)
        if profile is None:
            raise Http404("Profile not found")
        return Response({**_profile(profile), "instructions": profile.instructions})


def _profile(profile: catalog.Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "name": profile.name,
        "description": profile.description,
        "domain": profile.domain or None,
        "tags": profile.tags,
        "runtimes": profile.runtimes,
        "tools": profile.tools,
        "allowed": profile.allowed,
        "denied": profile.denied,
        "network": profile.network,
        "model": profile.model or None,
        "models": profile.models,
        "effort": profile.effort or None,
        "maxTurns": profile.max_turns,
        "maxBudgetUsd": profile.max_budget_usd,
        "source": "built-in" if profile.source == catalog.BUILT_IN else "site",
    }
