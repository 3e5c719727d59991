// The samples of the API's documentation that create, read and change, to the letter but for
// their types (Node runs plain JavaScript), each followed by what it claims.

import assert from "node:assert/strict";
import { closed, lastExchange, lines, requestsFor } from "./harness.mjs";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export async function quickStart() {
  // 1. Create a task — starts in "planned" state
  const taskRes = await fetch("http://localhost:3000/api/tasks", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({
    title: "Analyze Q4 revenue trends",
    description: "Review revenue data and produce a summary report with charts",
    projectId: "proj-8f3a-4b2c",
    priority: 1,
    assignedAgent: "claude-code",
    agentProfile: "data-analyst",
  }),
  });
  const task = await taskRes.json();
  // → { id: "task-9d4e...", status: "planned", ... }

  assert.equal(taskRes.status, 201);
  assert.match(task.id, UUID);
  assert.equal(task.title, "Analyze Q4 revenue trends");
  assert.equal(task.status, "planned");
  assert.equal(task.priority, 1);
  assert.equal(task.projectId, "proj-8f3a-4b2c");
  assert.equal(task.agentProfile, "data-analyst");

  // 2. Queue the task, then execute it
  await fetch(`http://localhost:3000/api/tasks/${task.id}`, {
  method: "PATCH",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ status: "queued" }),
  });

  assert.equal(lastExchange().status, 200);
  assert.equal(lastExchange().body.status, "queued");

  const exec = await fetch(`http://localhost:3000/api/tasks/${task.id}/execute`, { method: "POST" });
  // → 202 Accepted — agent is now running in the background

  assert.equal(exec.status, 202);
  assert.deepEqual(await exec.json(), { message: "Execution started" });

  // 3. Stream logs in real time
  const logs = new EventSource(`http://localhost:3000/api/tasks/${task.id}/logs`);
  logs.onmessage = (e) => {
  const entry = JSON.parse(e.data);
  console.log(`[${entry.eventType}] ${entry.message}`);
  };

  const ids = [];
  logs.addEventListener("message", (e) => ids.push(Number(e.lastEventId)));
  // The sample neither closes the stream nor hears its errors: the server's 204 ends it.
  await closed(logs);
  assert.deepEqual(requestsFor("/logs").map((exchange) => exchange.status), [200, 204]);
  assert.ok(lines.includes("[assistant] Analyzing quarterly trends..."), lines.join("\n"));
  assert.ok(lines.some((line) => line.startsWith("[tool_use] ")));
  assert.ok(lines.at(-1).startsWith("[result] "));
  assert.deepEqual(ids, lines.map((_, place) => place + 1), "each entry came once, in order");

  // 4. When done, fetch the result
  const outputRes = await fetch(`http://localhost:3000/api/tasks/${task.id}/output`);
  const output = await outputRes.json();
  // → { taskId: "task-9d4e...", status: "completed", result: "...", contentType: "markdown" }

  const { taskId, status, result, contentType, error } = output;
  assert.deepEqual([taskId, status, contentType, error], [task.id, "completed", "markdown", null]);
  assert.equal(result, "## Q4 Revenue Analysis\n\nRevenue grew 23% QoQ...");
}

export async function listRunning() {
  // Fetch running tasks for a project
  const response = await fetch("http://localhost:3000/api/tasks?projectId=proj-8f3a&status=running");
  const tasks = await response.json();

  console.log(`${tasks.length} running tasks`);
  tasks.forEach((t) => console.log(`  [${t.priority}] ${t.title}`));

  assert.equal(response.status, 200);
  assert.deepEqual(lines, ["2 running tasks", "  [0] Urgent", "  [1] Analyze Q4 revenue trends"]);
  const example = {
    "id": "task-9d4e-a1b2",
    "title": "Analyze Q4 revenue trends",
    "status": "running",
    "priority": 1,
    "projectId": "proj-8f3a-4b2c",
    "assignedAgent": "claude-code",
    "agentProfile": "data-analyst",
    "createdAt": "2026-04-03T10:30:00.000Z",
    "updatedAt": "2026-04-03T10:31:15.000Z"
  };
  for (const key of Object.keys(example)) assert.ok(key in tasks[1], key);
  assert.equal(tasks[1].createdAt, new Date(tasks[1].createdAt).toISOString());
}

export async function listOfAnUnknownProject() {
  const response = await fetch("http://localhost:3000/api/tasks?projectId=proj-8f3a&status=running");
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), []);
}

export async function createWithDocuments() {
  // Create a task with attached documents
  const response = await fetch("http://localhost:3000/api/tasks", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({
    title: "Summarize meeting notes",
    description: "Extract action items and decisions from the uploaded transcript",
    projectId: "proj-8f3a-4b2c",
    priority: 1,
    assignedAgent: "claude-code",
    agentProfile: "technical-writer",
    documentIds: ["doc-meeting-transcript-001"],
  }),
  });
  const task = await response.json();

  console.log(task.id);     // "task-a7c2-..."
  console.log(task.status); // "planned"

  assert.equal(response.status, 201);
  assert.match(lines[0], UUID);
  assert.equal(lines[1], "planned");
}

export async function validationErrors() {
  const create = async (body) => {
    await fetch("http://localhost:3000/api/tasks", { method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" } });
    return lastExchange();
  };

  assert.deepEqual((await create({ title: "" })).body, {
    "error": {
      "formErrors": [],
      "fieldErrors": {
        "title": ["String must contain at least 1 character(s)"]
      }
    }
  });
  const { status, body } = await create({ title: "", priority: 4 });
  assert.equal(status, 400);
  assert.deepEqual(body, {
    "error": {
      "formErrors": [],
      "fieldErrors": {
        "title": ["String must contain at least 1 character(s)"],
        "priority": ["Number must be less than or equal to 3"]
      }
    }
  });
}

export async function usage() {
  // Fetch task with usage data to check cost
  const response = await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2");
  const task = await response.json();

  if (task.usage) {
  const costUSD = task.usage.costMicros / 1_000_000;
  console.log(`Model: ${task.usage.modelId}`);
  console.log(`Tokens: ${task.usage.totalTokens.toLocaleString()}`);
  console.log(`Cost: $${costUSD.toFixed(4)}`);
  }

  // 12,450 and 3,200 tokens, at 3 and 15 dollars a million.
  assert.deepEqual(lines, ["Model: claude-sonnet-4-6", "Tokens: 15,650", "Cost: $0.0853"]);
  assert.equal(task.status, "completed");
  assert.equal(task.projectName, "Marketing Analysis");
  const { startedAt, finishedAt, ...counts } = task.usage;
  assert.deepEqual(counts, {
    inputTokens: 12450,
    outputTokens: 3200,
    totalTokens: 15650,
    costMicros: 85350,
    modelId: "claude-sonnet-4-6",
  });
  assert.ok(new Date(startedAt) <= new Date(finishedAt));
}

export async function noUsage() {
  const response = await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2");
  assert.ok(!("usage" in (await response.json())));
}

export async function escalate() {
  // Escalate and queue a task for immediate execution
  await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2", {
  method: "PATCH",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ status: "queued", priority: 0 }),
  });

  const { status, body } = lastExchange();
  assert.equal(status, 200);
  assert.equal(body.status, "queued");
  assert.equal(body.priority, 0);
}

export async function remove() {
  // Permanently remove a task
  await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2", { method: "DELETE" });

  assert.equal(lastExchange().status, 200);
  assert.deepEqual(lastExchange().body, { "success": true });
  const again = await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2", { method: "DELETE" });
  assert.equal(again.status, 404);
  assert.equal((await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2")).status, 404);
}

export async function provenance() {
  // Trace where a task came from
  const response = await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2/provenance");
  const prov = await response.json();

  console.log(`Source: ${prov.sourceType}`);  // "workflow", "schedule", "manual"
  console.log(`Parent: ${prov.parentId}`);

  assert.equal(response.status, 200);
  process.stdout.write(lines.join("\n"));
}

export async function siblings() {
  // Show workflow progress alongside current task
  const response = await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2/siblings");
  const siblings = await response.json();

  siblings.forEach((s) => {
  const icon = s.status === "completed" ? "✓" : s.status === "running" ? "⟳" : "○";
  console.log(`${icon} ${s.title} (${s.status})`);
  });

  assert.equal(response.status, 200);
  for (const sibling of siblings) {
    assert.deepEqual(Object.keys(sibling), ["id", "title", "status", "createdAt"]);
  }
  process.stdout.write(lines.join("\n"));
}
