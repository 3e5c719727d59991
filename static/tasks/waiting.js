// On every page: how many requests wait, in the title and at the navigation, and a notification.
window.addEventListener("DOMContentLoaded", () => {
  "use strict";

  const EVERY = 10000; // ms
  const link = document.querySelector('#nav-sidebar a[href$="/admin/approvals/"]');
  if (!link) return; // who may not see them
  const bare = document.title.trim().replace(/^\(\d+\) /, "");
  let newest;
  let counted = 0; // at the server
  let held = 0; // decided here, and still to be undone or on the way

  function show() {
    const count = Math.max(0, counted - held);
    for (const part of document.querySelectorAll("[data-waiting-count]")) part.textContent = count || "";
    document.title = count ? `(${count}) ${bare}` : bare;
    let badge = link.querySelector(".st-badge");
    if (!badge) {
      link.querySelectorAll(".st-badge-server, span.rounded-xs").forEach((old) => old.remove());
      badge = document.createElement("span");
      badge.className = "st-badge";
      link.append(badge);
    }
    badge.textContent = count || "";
    badge.hidden = !count;
  }

  function notify(told) {
    const isNew = newest !== undefined && told.newest && told.newest !== newest;
    newest = told.newest;
    if (!isNew || !document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
    const shown = new Notification("An agent waits for you", { body: told.message, tag: told.newest });
    shown.onclick = () => {
      window.focus();
      window.location.href = link.href;
    };
  }

  // The inbox says how many it holds back; what it has sent is counted anew.
  document.addEventListener("approvals:held", async (event) => {
    if (event.detail < held) await ask();
    held = event.detail;
    show();
  });

  async function look() {
    await ask();
    window.setTimeout(look, EVERY);
  }

  async function ask() {
    const response = await window.server.look(`${link.getAttribute("href")}waiting/`);
    if (response) {
      const told = await response.json();
      counted = told.count;
      show();
      notify(told);
    }
  }
  look();
});
