// Follows a task's log and renews the page around it. Without this the page is whole, but still.
(() => {
  "use strict";

  const MAX_ENTRIES = 1000; // on the page; the admin's list of log entries has them all
  const SOON = 150; // ms, so that entries that come together cause one look
  const LATER = 3000; // ms, after an entry that changes little but the cost
  const AT_ONCE = new Set(["status", "permission_request", "permission_response", "result", "error"]);
  const ENVELOPE = new Set(["eventType", "message", "timestamp", "sequence"]);
  // What a reader would not see: control, format and bidi characters, odd spaces, blanks.
  const HIDDEN =
    /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]|(?! )\p{Zs}|[\u034F\u115F\u1160\u17B4\u17B5\u180B-\u180F\u2800\u3164\uFE00-\uFE0F\uFFA0\u{E0100}-\u{E01EF}]/gu;

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  const section = document.getElementById("task-log");
  if (!section) return;

  const config = JSON.parse(document.getElementById("task-log-config").textContent);
  const told = new Set(config.told);
  const final = new Set(config.finalStatuses);
  const box = section.querySelector(".st-log");
  const list = box.querySelector("ol");
  const empty = box.querySelector(".st-log-empty");
  const partial = box.querySelector(".st-partial");
  const connection = section.querySelector(".st-connection");
  const template = document.getElementById("log-entry");

  let after = config.after;
  let hasEnded = config.isFinished;
  let source = null;
  let timer = null;
  let dueAt = Infinity;
  const rendered = new Map(); // section name -> its HTML as the server sent it

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
    time.title = entry.timestamp.slice(0, 19).replace("T", " ") + " UTC";
    time.textContent = entry.timestamp.slice(11, 19);
    item.dataset.type = entry.eventType;
    item.querySelector(".st-kind").textContent = entry.eventType.replaceAll("_", " ");
    item.querySelector(".st-text").append(visible(entry.message));
    const details = detailsOf(entry);
    if (details) item.querySelector("pre").append(visible(details));
    else item.querySelector("details").remove();
    return item;
  }

  // Keeps the newest in sight, unless the reader has scrolled away from it.
  function keepingEnd(change) {
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    change();
    if (isAtEnd) box.scrollTop = box.scrollHeight;
  }

  function add(entry) {
    keepingEnd(() => {
      partial.hidden = true;
      partial.textContent = "";
      empty.hidden = true;
      list.append(render(entry));
      while (list.childElementCount > MAX_ENTRIES) list.firstElementChild.remove();
    });
    after = entry.sequence;
    hasEnded = final.has(entry.status);
    renewIn(AT_ONCE.has(entry.eventType) ? SOON : LATER);
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
      else show("waiting", "Reconnecting…");
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

  function renewIn(delay) {
    const wanted = Date.now() + delay;
    if (wanted >= dueAt) return;
    window.clearTimeout(timer);
    dueAt = wanted;
    timer = window.setTimeout(renew, delay);
  }

  // The HTML without what differs each time it is rendered.
  function comparable(element) {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("time, [name=csrfmiddlewaretoken]").forEach((part) => part.remove());
    return copy.innerHTML;
  }

  // What the reader has typed goes on standing in the forms that are still there.
  function replace(old, next) {
    if (!old) return;
    const fieldsOf = (part) => [...part.querySelectorAll("form input:not([type=hidden])")];
    const key = (field) => field.form.getAttribute("action") + " " + field.name;
    const fresh = new Map(fieldsOf(next).map((field) => [key(field), field]));
    const focused = document.activeElement;
    const kept = fieldsOf(old).filter((field) => fresh.has(key(field)));
    for (const field of kept) {
      if (field.value !== field.defaultValue) fresh.get(key(field)).value = field.value;
    }
    old.replaceWith(next);
    if (kept.includes(focused)) fresh.get(key(focused)).focus();
  }

  // Sections that are the same stay, with what the reader has typed or unfolded in them.
  async function renew() {
    dueAt = Infinity;
    const response = await fetch(config.sections).catch(() => null);
    if (!response?.ok || response.redirected) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const next of fresh.querySelectorAll("[data-section]")) {
      const name = next.dataset.section;
      const html = comparable(next);
      if (html === rendered.get(name)) continue;
      replace(document.querySelector(`[data-section="${name}"]`), document.adoptNode(next));
      rendered.set(name, html);
    }
  }

  for (const element of document.querySelectorAll("[data-section]")) {
    rendered.set(element.dataset.section, comparable(element));
  }
  box.scrollTop = box.scrollHeight;
  if (hasEnded) return show("ended", "Complete");
  open();

  // A browser allows few connections to one server: a page that nobody sees needs none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
    } else if (!source && !hasEnded) {
      open();
      renewIn(SOON);
    }
  });
})();
