"""The standing rules: what agents may do without asking, and what they never may."""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from stagent.database.json_text import iso_text
from tasks.access.authentication import actor
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.requests.permission_rules import CreateRule, RuleListQuery
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_rule, parse_key, parse_uuid
from tasks.api.whole_lists import AnyResponse
from tasks.api.zod import Invalid
from tasks.models import PermissionRule, Project, Task
from tasks.models.permission_rule import ONE_SCOPE

JSON = dict[str, Any]

validate_create = CreateRule.validator()


class RuleViewSet(ApiViewSet):
    """Standing permission rules: made and revoked, never changed."""

    list_query = RuleListQuery.reader()
    serializer_class = CreateRule

    @extend_schema(
        parameters=[RuleListQuery, responses.LINK],
        responses={200: responses.Rule(many=True)},
    )
    def list(self, request: Request) -> Response | AnyResponse:
        """List rules, the newest first: all, or by `limit` and `cursor` a page, as Link says."""
        query = self.list_query(request.query_params)
        limit = paging.read_limit(query)
        if limit is None:
            return paging.whole(_filter(query), _represent)
        rules = list(_filter(query)[: limit + 1])
        page = rules[:limit]
        is_last = len(rules) == len(page)
        headers = None if is_last else {"Link": paging.link(request, str(page[-1].pk))}
        return Response([_represent(rule) for rule in page], headers=headers)

    @extend_schema(request=CreateRule, responses={201: responses.Rule})
    def create(self, request: Request) -> Response:
        """Allow or deny what matches a pattern, for a task, a project or everywhere."""
        body = validate_create(json_body(request))
        data = {name: value for name, value in body.items() if value is not None}
        rule = PermissionRule(
            pattern=data["pattern"],
            effect=data["effect"],
            expires_at=_expiry(data.get("expiresAt")),
            created_by=actor(request),
            **_scope(data),
        )
        _check(rule)
        try:
            rule.save(force_insert=True)
        except IntegrityError:
            # What it is for was there when it was checked: say which is gone.
            _scope(data)
            raise
        return Response(_represent(rule), status=201)

    @extend_schema(responses={200: responses.Rule})
    def retrieve(self, request: Request, rule_id: str) -> Response:
        """Get a rule, and how often it was used."""
        return Response(_represent(get_rule(rule_id)))

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, rule_id: str) -> Response:
        """Revoke a rule. Calls that it allowed before go on."""
        if not PermissionRule.objects.filter(pk=parse_key(rule_id, "Rule")).delete()[0]:
            raise Http404("Rule not found")
        return Response({"success": True})


def _filter(query: JSON) -> Any:
    rules = PermissionRule.objects.order_by("-pk")
    if "taskId" in query:
        rules = rules.filter(task=_task_id(query["taskId"]))
    if "projectId" in query:
        rules = rules.filter(project=query["projectId"])
    if "scope" in query:
        rules = rules.of_scope(query["scope"])
    if "cursor" in query:
        rules = rules.filter(pk__lt=_read_cursor(query["cursor"]))
    return rules


def _read_cursor(cursor: str) -> int:
    try:
        return parse_key(cursor, "Rule")
    except Http404:
        message = "Invalid cursor: use one from a Link header"
        raise Invalid.field("cursor", message) from None


def _scope(data: JSON) -> JSON:
    """Return what the rule is for, which must be there; nothing is everywhere."""
    if "taskId" in data and "projectId" in data:
        raise Invalid.field("taskId", ONE_SCOPE)
    if "taskId" in data:
        task_id = _task_id(data["taskId"])
        if not Task.objects.filter(pk=task_id).exists():
            raise Invalid.field("taskId", "Task not found")
        return {"task_id": task_id}
    if "projectId" in data:
        if not Project.objects.filter(pk=data["projectId"]).exists():
            raise Invalid.field("projectId", "Project not found")
        return {"project_id": data["projectId"]}
    return {}


def _task_id(text: str) -> Any:
    try:
        return parse_uuid(text)
    except Http404:
        raise Invalid.field("taskId", "Task not found") from None


def _expiry(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid.field("expiresAt", "Invalid datetime") from None


def _check(rule: PermissionRule) -> None:
    names = {"pattern": "pattern", "expires_at": "expiresAt"}
    try:
        rule.clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid.field(names[field], messages[0]) from None


def _represent(rule: PermissionRule) -> JSON:
    return {
        "id": str(rule.pk),
        "pattern": rule.pattern,
        "effect": rule.effect,
        "scope": rule.scope,
        "taskId": str(rule.task_id) if rule.task_id else None,
        "projectId": rule.project_id,
        "createdBy": rule.created_by or None,
        "createdAt": iso_text(rule.created_at),
        "expiresAt": iso_text(rule.expires_at) if rule.expires_at else None,
        "isExpired": rule.is_expired,
        "useCount": rule.use_count,
        "lastUsedAt": iso_text(rule.last_used_at) if rule.last_used_at else None,
    }
