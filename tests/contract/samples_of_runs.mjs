// The samples that start, stop, answer and follow an agent, to the letter but for their types.

import assert from "node:assert/strict";
import { closed, exchanges, lastExchange, lines, requestsFor, streams } from "./harness.mjs";

async function execute() {
  // Fire-and-forget execution — poll status or stream logs to track progress
  const res = await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2/execute", {
  method: "POST",
  });

  if (res.status === 202) {
  console.log("Agent is running — stream /logs to follow progress");
  } else if (res.status === 429) {
  console.log("Budget exceeded — increase budget in Settings");
  }
  return res;
}

export async function executeAccepted() {
  await execute();
  assert.deepEqual(lines, ["Agent is running — stream /logs to follow progress"]);
  assert.deepEqual(lastExchange().body, { "message": "Execution started" });
}

export async function executeBeyondTheBudget() {
  const res = await execute();
  assert.deepEqual(lines, ["Budget exceeded — increase budget in Settings"]);
  assert.equal(typeof lastExchange().body.error, "string");
  assert.ok(Number(res.headers.get("retry-after")) > 0);
}

export async function executePlanned() {
  assert.equal((await execute()).status, 400);
  assert.equal(typeof lastExchange().body.error, "string");
}

async function resume() {
  // Resume a failed task — the agent continues where it left off
  const res = await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2/resume", {
  method: "POST",
  });

  if (res.status === 400) {
  const err = await res.json();
  if (err.error.includes("Resume limit")) {
    // Re-queue for fresh execution instead
    await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2", {
      method: "PATCH",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ status: "queued" }),
    });
  }
  }
}

export async function resumeAccepted() {
  await resume();
  assert.equal(exchanges.length, 1);
  assert.equal(lastExchange().status, 202);
  assert.deepEqual(lastExchange().body, { "message": "Resume started" });
}

export async function resumeBeyondTheLimit() {
  await resume();
  assert.deepEqual(exchanges.map((exchange) => exchange.status), [400, 200]);
  assert.equal(lastExchange().body.status, "queued");
}

export async function cancel() {
  // Cancel a runaway task
  await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2/cancel", { method: "POST" });

  assert.equal(lastExchange().status, 200);
  assert.deepEqual(lastExchange().body, { "success": true });
}

export async function respond() {
  // Auto-approve file writes to the reports directory
  await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2/respond", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({
    notificationId: "notif-456",
    behavior: "allow",
    alwaysAllow: true,
    permissionPattern: "write:/reports/*",
  }),
  });

  assert.equal(lastExchange().status, 200);
  assert.deepEqual(lastExchange().body, { "success": true });
}

export async function respondTwice() {
  await respond();
  await assert.rejects(respond);
  assert.equal(exchanges.at(-1).status, 409);
}

export async function output() {
  const [renderMarkdown, renderJSON, renderCode, renderPlainText] = ["markdown", "json", "code", "text"].map(
    (kind) => (content) => console.log(kind, JSON.stringify(content)),
  );

  // Fetch output and render based on detected content type
  const response = await fetch("http://localhost:3000/api/tasks/task-9d4e-a1b2/output");
  const output = await response.json();

  switch (output.contentType) {
  case "markdown": renderMarkdown(output.result); break;
  case "json":     renderJSON(JSON.parse(output.result)); break;
  case "code":     renderCode(output.result); break;
  default:         renderPlainText(output.result);
  }

  assert.deepEqual(Object.keys(output).slice(0, 4), [
    "taskId",
    "status",
    "result",
    "contentType",
  ]);
  process.stdout.write(lines.join("\n"));
}

export async function logs() {
  // Stream agent logs in real time
  const source = new EventSource("http://localhost:3000/api/tasks/task-9d4e-a1b2/logs");

  source.onmessage = (event) => {
  const log = JSON.parse(event.data);
  const time = new Date(log.timestamp).toLocaleTimeString();
  console.log(`[${time}] [${log.eventType}] ${log.message}`);
  };

  source.onerror = () => {
  console.log("Stream ended — task may have completed");
  source.close();
  };

  await closed(streams[0]);
  assert.equal(lines.at(-1), "Stream ended — task may have completed");
  assert.ok(lines.length > 3);
  for (const line of lines.slice(0, -1)) assert.match(line, /^\[\d.*\] \[[a-z_]+\] \S/);
  assert.deepEqual(requestsFor("/logs").map((exchange) => exchange.status), [200]);
}
