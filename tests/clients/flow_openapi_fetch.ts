// The whole road of a task, by the types of openapi-typescript and openapi-fetch.

import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema";

type LogEntry = components["schemas"]["LogEntry"];

async function main(url: string): Promise<void> {
  const { GET, POST, PATCH, DELETE } = createClient<paths>({ baseUrl: url });

  const project = await POST("/api/projects", { body: { name: "Marketing" } });
  assert.ok(project.data);

  const refused = await POST("/api/tasks", { body: { title: "" } });
  assert.equal(refused.response.status, 400);
  assert.ok(refused.error && typeof refused.error.error === "object");

  const created = await POST("/api/tasks", {
    body: {
      title: "Write a report",
      description: "ask: write:/reports/q4.md\nuse: input=1000 output=100\nfinish: # Done",
      projectId: project.data.id,
      maxTurns: null,
    },
  });
  assert.ok(created.data);
  const params = { path: { task_id: created.data.id } };

  await PATCH("/api/tasks/{task_id}", { params, body: { status: "queued", priority: 0 } });
  const started = await POST("/api/tasks/{task_id}/execute", { params });
  assert.equal(started.data?.message, "Execution started");

  const seen: string[] = [];
  const logs = await GET("/api/tasks/{task_id}/logs", { params, parseAs: "stream" });
  assert.ok(logs.data);
  let text = "";
  for await (const part of logs.data.pipeThrough(new TextDecoderStream())) {
    const lines = (text + part).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines.filter((one) => one.startsWith("data: "))) {
      const entry = JSON.parse(line.slice(6)) as LogEntry;
      seen.push(entry.eventType);
      if (entry.eventType === "permission_request" && entry.notificationId) {
        const body = { notificationId: entry.notificationId, behavior: "allow" } as const;
        const said = await POST("/api/tasks/{task_id}/respond", { params, body });
        assert.equal(said.data?.success, true);
      }
    }
  }
  assert.equal(seen.at(-1), "result");

  const output = await GET("/api/tasks/{task_id}/output", { params });
  assert.deepEqual([output.data?.result, output.data?.error], ["# Done", null]);
  const task = await GET("/api/tasks/{task_id}", { params });
  assert.equal(task.data?.usage?.costMicros, 4500);
  const tasks = await GET("/api/tasks", { params: { query: { status: "completed", limit: 1 } } });
  assert.equal(tasks.data?.length, 1);
  const usage = await GET("/api/usage", { params: { query: { taskId: created.data.id } } });
  assert.ok(usage.data && "requests" in usage.data);
  assert.equal(usage.data.requests, 1);

  const cancelled = await POST("/api/tasks/{task_id}/cancel", { params });
  assert.equal(cancelled.response.status, 400);
  const deleted = await DELETE("/api/tasks/{task_id}", { params });
  assert.equal(deleted.data?.success, true);
  console.log("done");
}

main(String(process.argv[2])).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
