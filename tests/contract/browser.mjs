// Follows a log with a browser's own EventSource: node browser.mjs CHROMIUM ORIGIN TASK
//
// The server's own origin has no page that would do, so the page comes through a proxy that
// is the same origin to the browser. Prints {ids, statuses} when the browser has given up.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [chromium, origin, task] = process.argv.slice(2);
const statuses = [];
const PAGE = `<!doctype html><script>
  const ids = [];
  const source = new EventSource("/api/tasks/${task}/logs");
  source.onmessage = (event) => ids.push(Number(event.lastEventId));
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) {
      fetch("/report", { method: "POST", body: JSON.stringify(ids) });
    }
  };
</script>`;

const proxy = http.createServer(async (request, response) => {
  if (request.url === "/page") {
    response.setHeader("Content-Type", "text/html");
    response.end(PAGE);
  } else if (request.url === "/report") {
    const parts = await request.toArray();
    response.end();
    end({ ids: JSON.parse(Buffer.concat(parts)), statuses });
  } else {
    forward(request, response);
  }
});

function forward(request, response) {
  const { method, headers } = request;
  const onward = http.request(origin + request.url, { method, headers }, (answer) => {
    if (request.url.endsWith("/logs")) statuses.push(answer.statusCode);
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  request.pipe(onward);
}

const PATIENCE_MILLISECONDS = 40_000;
const folder = mkdtempSync(join(tmpdir(), "browser-"));
let browser;

function end(report) {
  browser.on("exit", () => clear(report, 80));
  browser.kill();
}

// The browser's own children outlive it for a moment, and still write.
function clear(report, tries) {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    if (tries === 0) throw error;
    setTimeout(() => clear(report, tries - 1), 250);
    return;
  }
  process.stdout.write(JSON.stringify(report), () => process.exit());
}

proxy.listen(0, "127.0.0.1", () => {
  const options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  const page = `http://localhost:${proxy.address().port}/page`;
  browser = spawn(chromium, [...options, `--user-data-dir=${folder}`, page], { stdio: "ignore" });
  setTimeout(() => end({ ids: [], statuses }), PATIENCE_MILLISECONDS);
});
