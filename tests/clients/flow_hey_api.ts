// The whole road of a task, by a client that @hey-api/openapi-ts has generated.

import assert from "node:assert/strict";

import * as api from "./hey";
import { client } from "./hey/client.gen";

async function main(url: string): Promise<void> {
  client.setConfig({ baseUrl: url });

  const project = await api.createProject({ body: { name: "Marketing" }, throwOnError: true });
  const document = await api.uploadDocument({
    body: { file: new File(["a,b\n1,2\n"], "q4.csv"), projectId: project.data.id },
    throwOnError: true,
  });
  assert.equal(document.data.size, 8);

  const refused = await api.createTask({ body: { title: "" } });
  assert.equal(refused.response?.status, 400);
  assert.ok(refused.error && "error" in refused.error && typeof refused.error.error === "object");

  const created = await api.createTask({
    body: {
      title: "Write a report",
      description: "ask: write:/reports/q4.md\nuse: input=1000 output=100\nfinish: # Done",
      projectId: project.data.id,
      documentIds: [document.data.id],
      maxTurns: null,
      maxBudgetUsd: 1.5,
    },
    throwOnError: true,
  });
  const path = { task_id: created.data.id };
  assert.equal(created.data.priority, 2);

  await api.updateTask({ path, body: { status: "queued", priority: 0 }, throwOnError: true });
  const started = await api.executeTask({ path, throwOnError: true });
  assert.equal(started.data.message, "Execution started");

  const seen: string[] = [];
  const { stream } = await api.streamTaskLogs({ path });
  for await (const entry of stream) {
    if (typeof entry !== "object") continue;
    seen.push(entry.eventType);
    if (entry.eventType === "permission_request" && entry.notificationId) {
      const waiting = await api.getTask({ path, throwOnError: true });
      assert.equal(waiting.data.waitingFor?.notificationId, entry.notificationId);
      await api.respondToPermissionRequest({
        path,
        body: { notificationId: entry.notificationId, behavior: "allow", alwaysAllow: true },
        throwOnError: true,
      });
    }
  }
  assert.equal(seen.at(-1), "result");
  assert.ok(seen.includes("permission_response"));

  const output = await api.getTaskOutput({ path, throwOnError: true });
  assert.deepEqual([output.data.result, output.data.error], ["# Done", null]);
  const task = await api.getTask({ path, throwOnError: true });
  assert.equal(task.data.usage?.costMicros, 4500);
  const provenance = await api.getTaskProvenance({ path, throwOnError: true });
  assert.equal(provenance.data.permissions[0]?.status, "allowed");
  const tasks = await api.listTasks({ query: { status: "completed", limit: 1 }, throwOnError: true });
  assert.equal(tasks.data.length, 1);
  const rules = await api.listPermissionRules({ throwOnError: true });
  assert.ok(rules.data.some((rule) => rule.pattern === "write:/reports/q4.md"));
  const usage = await api.getUsage({ query: { taskId: path.task_id }, throwOnError: true });
  assert.ok("requests" in usage.data);
  assert.equal(usage.data.requests, 1);

  const resumed = await api.resumeTask({ path });
  assert.equal(resumed.response?.status, 400);
  await api.deleteTask({ path, throwOnError: true });
  const gone = await api.getTask({ path });
  assert.equal(gone.response?.status, 404);
  console.log("done");
}

main(String(process.argv[2])).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
