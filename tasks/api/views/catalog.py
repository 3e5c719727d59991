"""The runtimes that a task may ask for."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks import catalog
from tasks.api import responses
from tasks.api.json import Response
from tasks.api.views.base import ApiView
from tasks.models import ModelList


class RuntimesView(ApiView):
    """The runtimes, and whether each is ready."""

    @extend_schema(responses={200: responses.Runtime(many=True)})
    def get(self, request: Request) -> Response:
        """List the runtimes, whether each is ready and, if not, what mends it."""
        default = catalog.default_runtime()
        listed = ModelList.objects.load_names()
        return Response(
            [_runtime(facts, default, listed) for facts in catalog.RUNTIMES.values()]
        )


def _runtime(
    facts: catalog.RuntimeFacts,
    default: catalog.RuntimeFacts | None,
    listed: dict[str, list[str]],
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
        "models": facts.models(listed),
        "efforts": facts.efforts,
    }
