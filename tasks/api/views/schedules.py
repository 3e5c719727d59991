"""/api/schedules: what starts tasks at certain times."""

from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from stagent.database.json_text import iso_text
from tasks.access import rights
from tasks.access.authentication import actor
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.representation.schedules import (
    heartbeat_history,
    represent_schedule,
    represent_with_history,
)
from tasks.api.requests.schedules import (
    CreateSchedule,
    ParseInterval,
    ScheduleListQuery,
    UpdateSchedule,
)
from tasks.api.responses import schedules as shapes
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_schedule
from tasks.api.views.schedule_bodies import (
    check_schedule,
    check_zones,
    name_reason,
    read_columns,
    read_interval,
)
from tasks.api.views.task_bodies import find_documents
from tasks.api.whole_lists import AnyResponse
from tasks.api.zod import Invalid
from tasks.models import Schedule
from tasks.schedules import changes
from tasks.schedules.clock import next_times
from tasks.schedules.exceptions import NeverFires
from tasks.schedules.firing import fire_now

JSON = dict[str, Any]

validate_create = CreateSchedule.validator()
validate_update = UpdateSchedule.validator()
validate_parse = ParseInterval.validator()


class ScheduleViewSet(ApiViewSet):
    """Schedules, and what their heartbeats found."""

    list_query = ScheduleListQuery.reader()
    serializer_class = CreateSchedule

    @extend_schema(
        parameters=[ScheduleListQuery, responses.LINK],
        responses={200: shapes.Schedule(many=True)},
    )
    def list(self, request: Request) -> AnyResponse:
        """List schedules, the newest first."""
        query = self.list_query(request.query_params)
        schedules = Schedule.objects.prefetch_related("documents")
        if "status" in query:
            schedules = schedules.filter(status=query["status"])
        order = paging.NEWEST_UUID
        return paging.respond(request, query, schedules, order, represent_schedule)

    @extend_schema(request=CreateSchedule, responses={201: shapes.Schedule})
    def create(self, request: Request) -> Response:
        """Create a schedule, which is active at once.

        Needs the right to add tasks, too, for it makes them.
        """
        data = validate_create(json_body(request))
        _check_rights(request, data)
        schedule = Schedule(**read_columns(data), created_by=actor(request))
        check_schedule(data, schedule)
        documents = find_documents(data.get("documentIds", []))
        try:
            changes.create(schedule, documents)
        except NeverFires as error:
            raise Invalid.field(name_reason(error), str(error)) from error
        except IntegrityError:
            # What it refers to was there when it was checked; say which is gone.
            check_schedule(data, schedule)
            find_documents(data.get("documentIds", []))
            raise
        return Response(represent_schedule(schedule), status=201)

    @extend_schema(responses={200: shapes.ScheduleWithHistory})
    def retrieve(self, request: Request, schedule_id: str) -> Response:
        """Get a schedule with its next times and its last firings."""
        schedule = get_schedule(schedule_id)
        return Response(represent_with_history(schedule))

    @extend_schema(
        request=UpdateSchedule,
        responses={200: shapes.Schedule, 409: shapes.CONFLICT},
    )
    def partial_update(self, request: Request, schedule_id: str) -> Response:
        """Change a schedule; a `status` pauses or resumes it.

        A new interval counts from now on. Needs the right to add tasks, too.
        """
        schedule = get_schedule(schedule_id)
        data = validate_update(json_body(request))
        _check_rights(request, {"workflowId": schedule.workflow_id} | data)
        columns = read_columns(data)
        for column, value in columns.items():
            setattr(schedule, column, value)
        check_schedule(data, schedule)
        ids = data.get("documentIds")
        try:
            changed = changes.change(
                schedule.pk,
                columns,
                documents=None if ids is None else find_documents(ids),
                status=data.get("status"),
                by=actor(request),
            )
        except NeverFires as error:
            raise Invalid.field(name_reason(error), str(error)) from error
        except IntegrityError:
            check_schedule(data, schedule)  # as above
            find_documents(ids or [])
            raise
        return Response(represent_schedule(changed))

    @extend_schema(responses={200: shapes.Deleted})
    def destroy(self, request: Request, schedule_id: str) -> Response:
        """Remove a schedule and the rows of its firings; its tasks stay."""
        changes.remove(get_schedule(schedule_id).pk)
        return Response({"deleted": True})

    @extend_schema(request=ParseInterval, responses={200: shapes.ParsedInterval})
    def parse(self, request: Request) -> Response:
        """Say what an interval means, and when it would come due next."""
        data = validate_parse(json_body(request))
        check_zones(data)
        found = read_interval(data["expression"], "expression")
        zone = data.get("timezone", "UTC")
        times = next_times(found.cron, zone, timezone.now(), 3)
        return Response(
            {
                "cronExpression": found.cron,
                "description": found.description,
                "nextFireTimes": [iso_text(moment) for moment in times],
                "confidence": found.confidence,
            }
        )

    @extend_schema(
        request=None,
        parameters=[
            OpenApiParameter(
                "force",
                enum=["true", "false"],
                description="true: also while a task of an earlier firing runs.",
            )
        ],
        responses={
            200: shapes.FiredNow,
            400: responses.BAD_REQUEST,
            409: shapes.CONFLICT,
            429: responses.BUDGET_EXCEEDED,
        },
    )
    def execute(self, request: Request, schedule_id: str) -> Response:
        """Start a schedule's task or workflow now, whatever its status and its next time.

        Needs the right to add tasks, too.
        """
        schedule = get_schedule(schedule_id)
        _check_rights(request, {"workflowId": schedule.workflow_id})
        is_forced = request.query_params.get("force") in {"true", "1"}
        firing = fire_now(schedule, by=actor(request), force=is_forced)
        return Response(
            {
                "taskId": str(firing.task_id) if firing.task_id else None,
                "workflowRunId": (
                    str(firing.workflow_run) if firing.workflow_run else None
                ),
                "forced": is_forced,
                "firingNumber": firing.number,
            }
        )

    @extend_schema(responses={200: shapes.HeartbeatHistory, 400: responses.BAD_REQUEST})
    def heartbeat_history(self, request: Request, schedule_id: str) -> Response:
        """Tell what a heartbeat found, and what it spent today."""
        schedule = get_schedule(schedule_id)
        if schedule.type != Schedule.Type.HEARTBEAT:
            return Response({"error": "Schedule is not a heartbeat"}, status=400)
        return Response(heartbeat_history(schedule))


def _check_rights(request: Request, data: JSON) -> None:
    """Raise PermissionDenied where a schedule would do what its author may not."""
    rights.require(request, rights.ADD_TASK)
    if data.get("documentIds"):
        rights.require(request, rights.VIEW_DOCUMENTS)
    if data.get("workflowId"):
        rights.require(request, rights.CHANGE_WORKFLOW)
