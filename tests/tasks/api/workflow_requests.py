"""Requests about workflows, and what is read of their responses."""

from tests.tasks.workflows.running import step


def sequence(*steps):
    return {"pattern": "sequence", "steps": list(steps)}


def create(api, definition=None, **fields):
    body = {"name": "W", "definition": definition or sequence(step("a")), **fields}
    return api.post("/api/workflows", body)


def field_errors(answer):
    assert answer.status_code == 400, answer.content
    return answer.json()["error"]["fieldErrors"]


def status(api, workflow_id, query=""):
    return api.get(f"/api/workflows/{workflow_id}/status{query}").json()
