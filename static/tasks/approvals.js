// The inbox: decides after five seconds in which one can undo, opens the next, knows keys.
// Without this the page works too, and decides at once.
(() => {
  "use strict";

  const HOLD = 5000; // ms
  const EVERY = 3000;
  const page = document.getElementById("approvals");
  const toast = page.querySelector(".st-toast");
  const help = document.getElementById("keys-help");
  const keysOn = document.getElementById("keys-on");
  const list = () => page.querySelector('[data-section="list"]');
  const card = () => page.querySelector(".st-approval");
  const items = () => [...page.querySelectorAll("li[data-request]")].filter((item) => !item.hidden);
  let held = null; // the decision that can still be undone
  const gone = new Set(); // requests that are decided here

  const address = () => window.location.pathname + window.location.search;
  let renew = () => window.sections(address(), page);
  let renewer = renew();

  // --- Opening ---------------------------------------------------------------------------

  async function show(id, push = true) {
    const url = id ? `?request=${encodeURIComponent(id)}` : window.location.pathname;
    if (push) window.history.replaceState(null, "", url);
    renewer = renew();
    await renewer();
    hideGone();
  }

  function hideGone() {
    for (const item of page.querySelectorAll("li[data-request]")) item.hidden = gone.has(item.dataset.request);
    for (const head of page.querySelectorAll("li[data-group]")) head.hidden = alike(head).length < 2;
    if (gone.has(card()?.dataset.request)) card().hidden = true;
  }

  // What is alike stands below its head, whose box selects all of it.
  const alike = (head) => items().filter((item) => item.dataset.of === head.dataset.group);
  page.addEventListener("change", (event) => {
    const head = event.target.closest("li[data-group]");
    if (!head) return;
    for (const item of alike(head)) item.querySelector("input").checked = event.target.checked;
  });

  function neighbour(step) {
    const all = items();
    const at = all.findIndex((item) => item.hasAttribute("data-chosen"));
    return all[at + step];
  }

  let sending = 0; // decisions on their way
  // So that the numbers on the page agree with what it shows.
  function tellHeld() {
    document.dispatchEvent(new CustomEvent("approvals:held", { detail: sending + (held ? 1 : 0) }));
  }

  // --- Deciding --------------------------------------------------------------------------

  async function send(decision, isLast = false) {
    const body = new URLSearchParams(decision.fields);
    const options = { method: "POST", body, headers: { Accept: "application/json" }, keepalive: isLast };
    sending += 1;
    const response = await fetch(decision.url, options).catch(() => null);
    sending -= 1;
    if (isLast) return;
    tellHeld();
    const told = response ? await response.json().catch(() => ({})) : { error: "The server did not answer." };
    if (response?.ok) {
      if (told.rule) say("Rule saved. ", () => undoRule(told.rule));
      return;
    }
    gone.delete(decision.id);
    await show(decision.id);
    if (card()) {
      card().hidden = false;
      card().querySelector(".st-told").textContent = told.error ?? "That did not work: reload the page.";
    } else say(told.error ?? "That did not work.", null);
  }

  async function undoRule(id) {
    const body = new URLSearchParams({ csrfmiddlewaretoken: page.querySelector("[name=csrfmiddlewaretoken]").value });
    await fetch(`${window.location.pathname}undo/${id}/`, { method: "POST", body, headers: { Accept: "application/json" } });
    say("The rule is gone.", null);
  }

  function settle() {
    if (!held) return;
    window.clearTimeout(held.timer);
    const decision = held;
    held = null;
    toast.hidden = true;
    return send(decision);
  }

  let undo = null;
  function say(text, howToUndo) {
    toast.querySelector("span").textContent = text;
    undo = howToUndo;
    toast.querySelector("button").hidden = !howToUndo;
    toast.hidden = false;
    window.clearTimeout(toast.timer);
    toast.timer = window.setTimeout(() => (toast.hidden = true), HOLD);
  }

  function takeBack() {
    if (!held) return;
    window.clearTimeout(held.timer);
    gone.delete(held.id);
    const { id } = held;
    held = null;
    tellHeld();
    toast.hidden = true;
    show(id).then(() => {
      if (card()) card().hidden = false;
    });
  }

  page.addEventListener("submit", (event) => {
    const form = event.target.closest(".st-decide");
    if (!form) return;
    event.preventDefault();
    settle();
    const verb = event.submitter?.value ?? "allow";
    const fields = [...new FormData(form, event.submitter)];
    const id = card().dataset.request;
    const next = neighbour(1) ?? neighbour(-1);
    gone.add(id);
    held = { id, url: form.action, fields, timer: window.setTimeout(settle, HOLD) };
    tellHeld();
    say(`${verb === "deny" ? "Denied" : "Allowed"}: ${card().dataset.name}.`, takeBack);
    show(next?.dataset.request ?? "").then(() => card()?.querySelector(".st-allow")?.focus({ preventScroll: true }));
  });

  // Enter decides nothing by itself, but for the words that go with a Deny.
  page.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.name !== "message") return;
    event.preventDefault();
    event.target.form.querySelector('[value="deny"]').click();
  });

  // What is decided is among the decided, though it could still be undone.
  document.getElementById("decided").addEventListener("click", async (event) => {
    if (!held || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    await settle();
    window.location.href = event.target.href;
  });

  toast.querySelector("button").addEventListener("click", () => undo?.());
  window.addEventListener("pagehide", () => {
    if (held) send(held, true);
    held = null;
  });

  page.addEventListener("click", (event) => {
    const link = event.target.closest(".st-inbox-list a");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    show(link.closest("li").dataset.request);
  });

  // --- A pattern, while it is typed --------------------------------------------------------

  let asking = null;
  async function check() {
    const form = card()?.querySelector(".st-decide");
    const told = form?.querySelector("#pattern-told");
    if (!told) return;
    const pattern = form.elements.own.value.trim() || new FormData(form).get("pattern") || "";
    if (!pattern) return void (told.textContent = "");
    asking?.abort();
    asking = new AbortController();
    const url = `${card().dataset.check}?pattern=${encodeURIComponent(pattern)}`;
    const response = await fetch(url, { signal: asking.signal }).catch(() => null);
    if (!response?.ok) return;
    const found = await response.json();
    told.textContent = found.error || found.text;
    told.classList.toggle("st-error", Boolean(found.error));
    form.querySelector('[value="always"]').disabled = Boolean(found.error);
  }
  page.addEventListener("input", (event) => {
    if (["own", "pattern"].includes(event.target.name)) check();
  });
  page.addEventListener(
    "toggle",
    (event) => {
      if (event.target.matches?.(".st-always") && event.target.open) check();
    },
    true,
  );

  // --- Keys, which can be switched off -----------------------------------------------------

  keysOn.checked = window.localStorage.getItem("approval-keys") !== "off";
  keysOn.addEventListener("change", () => window.localStorage.setItem("approval-keys", keysOn.checked ? "on" : "off"));
  document.getElementById("keys").addEventListener("click", () => help.showModal());

  function openAt(selector, field) {
    const part = selector && card()?.querySelector(selector);
    if (part) part.open = true;
    card()?.querySelector(field)?.focus();
  }
  const KEYS = {
    a: () => card()?.querySelector(".st-allow")?.click(),
    A: () => openAt(".st-always", '.st-always [name="pattern"], .st-always [name="own"]'),
    d: () => openAt("", '.st-foot [name="message"]'),
    j: () => neighbour(1) && show(neighbour(1).dataset.request),
    k: () => neighbour(-1) && show(neighbour(-1).dataset.request),
    x: () => page.querySelector("li[data-chosen] input")?.click(),
    u: () => !toast.hidden && undo?.(),
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (!keysOn.checked || event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // --- Live --------------------------------------------------------------------------------

  async function goOn() {
    const isTyping = card()?.contains(document.activeElement) || card()?.querySelector("details[open]");
    if (!document.hidden && list()) {
      if (isTyping && !card().hidden) {
        // The card stays as it is while somebody is at it; the list is renewed.
        const keep = card().dataset.request;
        if (!gone.has(keep)) window.history.replaceState(null, "", `?request=${encodeURIComponent(keep)}`);
      }
      renewer = renewer ?? renew();
      await renewer();
      hideGone();
    }
    window.setTimeout(goOn, EVERY);
  }
  window.setTimeout(goOn, EVERY);

  const notify = document.getElementById("notify");
  if ("Notification" in window && Notification.permission === "default") {
    notify.hidden = false;
    notify.addEventListener("click", async () => {
      await Notification.requestPermission();
      notify.hidden = Notification.permission !== "default";
    });
  }
})();
