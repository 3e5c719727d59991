// Follows a task's log, and loads what came before. Without this the log is there, but still.
(() => {
  "use strict";

  const MAX_ENTRIES = 2000; // that are shown of a log that is followed
  const SOON = 150; // ms, so that entries that come together cause one look
  const LATER = 3000; // ms, after an entry that changes little but the cost
  const AT_ONCE = new Set(["status", "permission_request", "permission_response", "result", "error"]);
  const ENVELOPE = new Set(["eventType", "message", "timestamp", "sequence"]);

  const section = document.getElementById("task-log");
  if (!section) return;

  const config = JSON.parse(document.getElementById("task-log-config").textContent);
  // What a reader would not see: control, format and bidi characters, odd spaces, blanks.
  const HIDDEN = new RegExp(
    String.raw`[^\P{C}\n\t]|[\p{Zl}\p{Zp}]|(?! )\p{Zs}|[${config.blanks}]`, "gu");
  const live = JSON.parse(document.getElementById("task-live").textContent);
  const told = new Set(config.told);
  const final = new Set(live.finalStatuses);
  const box = section.querySelector(".st-log");
  const list = box.querySelector(".st-turns");
  const empty = box.querySelector(".st-log-empty");
  const partial = box.querySelector(".st-partial");
  const news = section.querySelector(".st-new");
  const connection = section.querySelector(".st-connection");
  const template = document.getElementById("log-entry");
  const link = document.getElementById("log-earlier");
  const addToTurn = window.liveTurns(list, render, visible);

  let after = config.after;
  let hasEnded = live.isFinished;
  let source = null;
  let unseen = 0;

  function visible(text) {
    const pieces = document.createDocumentFragment();
    let start = 0;
    for (const match of text.matchAll(HIDDEN)) {
      const mark = document.createElement("mark");
      mark.className = "st-hidden";
      mark.textContent = "U+" + match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      pieces.append(text.slice(start, match.index), mark);
      start = match.index + match[0].length;
    }
    pieces.append(text.slice(start));
    return pieces;
  }

  function detailsOf(entry) {
    const rest = Object.entries(entry).filter(([key]) => !ENVELOPE.has(key) && !told.has(key));
    return rest.length ? JSON.stringify(Object.fromEntries(rest), null, 2) : "";
  }

  function render(entry) {
    const item = template.content.firstElementChild.cloneNode(true);
    const time = item.querySelector("time");
    time.dateTime = entry.timestamp;
    window.localTimes.write(time);
    item.id = `entry-${entry.sequence}`;
    item.dataset.sequence = entry.sequence;
    item.dataset.type = entry.eventType;
    item.querySelector(".st-kind").textContent = entry.eventType.replaceAll("_", " ");
    item.querySelector(".st-text").append(visible(entry.message));
    const details = detailsOf(entry);
    if (details) item.querySelector("pre").append(visible(details));
    else item.querySelector("details").remove();
    return item;
  }

  // Keeps the newest in sight, unless the reader has scrolled away from it: then says how many are new.
  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  function keepingEnd(change, isEntry = false) {
    const follows = isAtEnd();
    change();
    if (follows) box.scrollTop = box.scrollHeight;
    else if (isEntry) {
      unseen += 1;
      news.hidden = false;
      news.textContent = `${unseen} new ↓`;
    }
  }
  news.addEventListener("click", () => (box.scrollTop = box.scrollHeight));
  box.addEventListener("scroll", () => {
    if (isAtEnd()) {
      unseen = 0;
      news.hidden = true;
    }
    if (box.scrollTop < 200) loadEarlier();
  });

  // Older entries come as the reader scrolls up to them, and what is read stays where it is.
  let isLoading = false;
  async function loadEarlier() {
    if (link.hidden || isLoading || !config.isWhole) return;
    isLoading = true;
    const response = await fetch(`${config.earlier}?before=${link.dataset.before}`).catch(() => null);
    if (response?.ok) {
      const old = box.scrollHeight;
      list.insertAdjacentHTML("afterbegin", await response.text());
      box.scrollTop += box.scrollHeight - old;
      linkEarlier();
      showTimes();
    }
    isLoading = false;
  }

  function linkEarlier() {
    const first = list.querySelector("[data-sequence]")?.dataset.sequence ?? 1;
    link.dataset.before = first;
    link.href = `?before=${first}`;
    link.textContent = `${(first - 1).toLocaleString("en")} earlier entries`;
    link.hidden = first <= 1;
  }

  // Times of the day, or since the first entry of the log.
  const times = document.getElementById("log-times");
  function showTimes() {
    const start = Date.parse(config.began);
    const isSince = times.getAttribute("aria-pressed") === "true";
    for (const time of box.querySelectorAll("time")) {
      if (!isSince) {
        window.localTimes.write(time);
        continue;
      }
      const seconds = (Date.parse(time.dateTime) - start) / 1000;
      const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
      const two = (number) => String(Math.floor(number)).padStart(2, "0");
      time.textContent = `+${hours ? hours + ":" : ""}${two(minutes)}:${two(seconds % 60)}`;
    }
  }
  times.addEventListener("click", () => {
    const isSince = times.getAttribute("aria-pressed") !== "true";
    times.setAttribute("aria-pressed", isSince);
    showTimes();
  });

  // Of a log that goes on for long, the oldest turns make way; scrolling up brings them back.
  function trim() {
    let shown = list.querySelectorAll("[data-sequence]").length;
    if (shown <= MAX_ENTRIES) return;
    while (shown > MAX_ENTRIES && list.childElementCount > 1) {
      shown -= list.firstElementChild.querySelectorAll("[data-sequence]").length;
      list.firstElementChild.remove();
    }
    linkEarlier();
  }

  function add(entry) {
    keepingEnd(() => {
      partial.hidden = true;
      partial.textContent = "";
      empty.hidden = true;
      addToTurn(entry);
      if (isAtEnd()) trim();
      if (times.getAttribute("aria-pressed") === "true") showTimes();
    }, true);
    after = entry.sequence;
    hasEnded = final.has(entry.status);
    window.renewTask(AT_ONCE.has(entry.eventType) ? SOON : LATER);
  }

  function show(state, text) {
    connection.dataset.state = state;
    connection.textContent = text;
  }

  function open() {
    show("waiting", "Connecting…");
    source = new EventSource(`${config.url}?lastEventId=${after}&partial=1`);
    source.onopen = () => show("live", "Live");
    source.onmessage = (event) => add(JSON.parse(event.data));
    source.addEventListener("partial", (event) => {
      keepingEnd(() => {
        partial.hidden = false;
        partial.replaceChildren(visible(JSON.parse(event.data).message));
        empty.hidden = true;
      });
    });
    source.onerror = () => {
      if (hasEnded) finish();
      else if (source.readyState === EventSource.CLOSED) show("lost", "Disconnected: reload the page");
      else {
        show("waiting", "Reconnecting…");
        window.server.doubt();
      }
    };
  }

  function close() {
    source?.close();
    source = null;
  }

  function finish() {
    close();
    partial.hidden = true;
    show("ended", "Complete");
  }

  box.scrollTop = box.scrollHeight;
  if (hasEnded) return show("ended", "Complete");
  if (!config.follows) return;
  open();

  // A browser allows few connections to one server: a page that nobody sees needs none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
    } else if (!source && !hasEnded) {
      open();
      window.renewTask(SOON);
    }
  });
})();
