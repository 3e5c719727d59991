// Makes zod_more.jsonl: request bodies, and what the real Zod 3 says of them.
//
//     mkdir /tmp/zod && cd /tmp/zod && npm install zod@3
//     node <repository>/tests/tasks/zod_more.mjs
//
// Run it where zod is installed. The schemas below are tasks/api/requests.py in Zod's words; they
// are held against zod_cases.jsonl first. A body is kept as its JSON text, for `1.0` and
// `1e400` are lost in a parser.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { z } = createRequire(`${process.cwd()}/`)("zod");

const title = z.string().min(1).max(200);
const description = z.string().max(2000).optional();
const priority = z.number().int().min(0).max(3);
const status = z
  .enum(["planned", "queued", "running", "completed", "failed", "cancelled"])
  .optional();
const assignedAgent = z
  .enum(["claude-code", "openai-codex-app-server", "anthropic-direct", "openai-direct", "ollama"])
  .optional();
const text = z.string().optional();
const documentIds = z.array(z.string()).max(500).optional();
const limits = {
  maxTurns: z.number().int().min(1).max(1000).nullable().optional(),
  maxBudgetUsd: z.number().positive().max(10000).nullable().optional(),
};
const limit = z
  .string()
  .regex(/^-?[0-9]+$/, "Expected integer, received string")
  .transform(Number)
  .pipe(z.number().int().min(1).max(1000))
  .optional();
const projectId = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9._-]+$/, "Use up to 128 letters, digits, dots, dashes, underscores.")
  .optional();

const schemas = {
  create: z.object({
    title,
    description,
    projectId: text,
    priority: priority.default(2),
    assignedAgent,
    agentProfile: text,
    documentIds,
    ...limits,
  }),
  update: z.object({
    title: title.optional(),
    description,
    status,
    priority: priority.optional(),
    assignedAgent,
    agentProfile: text,
    result: text,
    documentIds,
    ...limits,
    projectId: z.string().nullable().optional(),
  }),
  list: z.object({ projectId: text, status, limit, cursor: text }),
  respond: z.object({
    notificationId: z.string().min(1),
    behavior: z.enum(["allow", "deny"]),
    message: text,
    updatedInput: z.record(z.unknown()).optional(),
    alwaysAllow: z.boolean().optional(),
    permissionPattern: text,
  }),
  createProject: z.object({ id: projectId, name: title, description: description.nullable() }),
  updateProject: z.object({ name: title.optional(), description: description.nullable() }),
};

// What each body needs at least, as JSON text.
const valid = {
  create: { title: '"Analyze"' },
  update: {},
  list: {},
  respond: { notificationId: '"notif-456"', behavior: '"allow"' },
  createProject: { name: '"Marketing"' },
  updateProject: {},
};

const values = [
  "null", "true", "false", "0", "-0", "1.0", "3.0", "3e0", "0.3e1", "1e3", "10000", "10000.0",
  "10000.01", "1e-9", "5e-324", "1e-400", "-0.5", "1.5", "3.5", "1e400", "-1e400", "9007199254740993",
  "18446744073709551616", "1" + "0".repeat(400), "[]", "{}", '""', '"1"', '" a "', '"\\ud83d\\ude00"',
  '"planned "', '"Planned"', '"allow"', '"it\'s | \\"so\\""', '["a", "b"]', '["a", 1, null, "b", [], {}, true]',
  '[[["a"]]]', '{"a": {"b": [1.0, null, {"c": "\\u00e9"}]}}',
  '{"big": 1e400, "list": [-1e400, 1e3], "1": 0, "": 1}', '{"__proto__": {"title": "a"}, "b": 1}',
];
const repeated = (unit, times) => JSON.stringify(unit.repeat(times));
const long = [
  ["a", 128], ["a", 129], ["a", 200], ["a", 201], ["\u{1F600}", 64], ["\u{1F600}", 65],
  ["\u{1F600}", 100], ["\u{1F600}", 101], ["\u65e5", 200], ["\u65e5", 201],
].map(([unit, times]) => repeated(unit, times));
const tooLong = [
  repeated("a", 2000), repeated("a", 2001), repeated("\u{1F600}", 1000),
  repeated("\u{1F600}", 1000).slice(0, -1) + 'a"',
];
const lengthMatters = { title: long, name: long, id: long, description: tooLong };
// Fields that are like another one are tried only along with all others.
const triedAlone = {
  create: ["title", "description", "priority", "assignedAgent", "documentIds", ...Object.keys(limits)],
  update: ["status", "result", "priority"],
  list: ["limit", "cursor"],
  respond: ["notificationId", "behavior", "updatedInput", "alwaysAllow"],
  createProject: ["id", "name"],
  updateProject: ["name"],
};
const queries = [
  '"1000"', '"1001"', '"0"', '"-1"', '"01"', '"1.0"', '"1e2"', '" 1"', '"+1"', '"\\u0661"',
  JSON.stringify("9".repeat(400)), '"-"',
];
const roots = [
  "null", "true", "0", "1.5", "1e400", '"text"', "[]", '[{"title": "a"}]', "{}",
  '{"unknown": [1, {"title": 2}], "Title": "a"}',
  '{"__proto__": {"title": "a"}}', '{"constructor": 1, "toString": null}',
  '{"title": 1, "title": "b", "notificationId": "a", "behavior": "deny", "name": "c"}',
];

const object = (fields) =>
  `{${Object.entries(fields).map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(", ")}}`;

let seed = 1;
function pick(choices) {
  seed = (seed * 48271) % 2147483647;
  return choices[seed % choices.length];
}

function* bodies(name) {
  yield* roots;
  const fields = Object.keys(schemas[name].shape);
  for (const field of triedAlone[name]) {
    const tried = [...values, ...(lengthMatters[field] ?? []), ...(field === "limit" ? queries : [])];
    for (const value of tried) yield object({ ...valid[name], [field]: value });
  }
  // All fields at once, in an order other than the schema's.
  for (let round = 0; round < 20; round++) {
    yield object(Object.fromEntries(fields.toReversed().map((field) => [field, pick(values)])));
  }
}

function judged(schema, body) {
  const { success, data, error } = schemas[schema].safeParse(body);
  return { ok: success, error: success ? null : error.flatten(), data: success ? data : null };
}

const written = (value) => JSON.parse(JSON.stringify(value));

function check() {
  const lines = readFileSync(new URL("zod_cases.jsonl", import.meta.url), "utf8").trim().split("\n");
  for (const { schema, input, ...expected } of lines.map((line) => JSON.parse(line))) {
    assert.deepEqual(written(judged(schema, input)), expected);
  }
}

check();
const lines = Object.keys(schemas).flatMap((schema) =>
  [...bodies(schema)].map((body) =>
    JSON.stringify({ schema, body, ...judged(schema, JSON.parse(body)) }),
  ),
);
writeFileSync(new URL("zod_more.jsonl", import.meta.url), lines.join("\n") + "\n");
console.log(`${lines.length} bodies`);
