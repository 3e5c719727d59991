// Lets the samples stand as they are published: what they name (the server, a task, a
// runtime) is replaced on its way to the wire, and what they print and send is kept.

import { EventSource } from "eventsource";

const replacements = JSON.parse(process.argv[3]);
const realFetch = globalThis.fetch;

function replaced(text) {
  for (const [from, to] of Object.entries(replacements)) text = text.replaceAll(from, to);
  return text;
}

/** Every exchange with the server: {method, path, status, body}; no body of streams. */
export const exchanges = [];

globalThis.fetch = async (url, init = {}) => {
  const target = new URL(replaced(String(url)));
  const body = init.body === undefined ? undefined : replaced(init.body);
  const response = await realFetch(target, { ...init, body });
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  exchanges.push({
    method: init.method ?? "GET",
    path: target.pathname,
    status: response.status,
    body: isStream ? undefined : await response.clone().text(),
  });
  return response;
};

/** The event streams that the sample has opened. */
export const streams = [];

globalThis.EventSource = class extends EventSource {
  constructor(url, init) {
    super(replaced(url), init);
    streams.push(this);
  }
};

/** What the sample has printed. */
export const lines = [];
console.log = (...words) => lines.push(words.join(" "));

export function lastExchange() {
  return { ...exchanges.at(-1), body: JSON.parse(exchanges.at(-1).body) };
}

/** Settle when the stream is closed for good, by whichever side. */
export async function closed(stream) {
  while (stream.readyState !== EventSource.CLOSED) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function requestsFor(suffix) {
  return exchanges.filter((exchange) => exchange.path.endsWith(suffix));
}
