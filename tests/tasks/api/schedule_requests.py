"""Requests about schedules, and what is read of their responses."""

CHECKLIST = [{"id": "inbox", "instruction": "Is there mail?", "priority": "high"}]


def url(schedule, *parts):
    return "/".join(["/api/schedules", str(schedule.pk), *parts])


def errors_of(answer):
    assert answer.status_code == 400, answer.content
    return answer.json()["error"]["fieldErrors"]
