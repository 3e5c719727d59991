// Renews the parts of a page that have changed: `window.sections(url)` returns what does it.
"use strict";

window.sections = (url, root = document) => {
  const rendered = new Map(); // part's name -> its HTML as the server sent it

  // The HTML without what differs each time it is rendered.
  function comparable(element) {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("time, [name=csrfmiddlewaretoken]").forEach((part) => part.remove());
    return copy.innerHTML;
  }

  const remember = (element) => rendered.set(element.dataset.section, comparable(element));
  root.querySelectorAll("[data-section]").forEach(remember);

  // What the reader has typed, opened and focused goes on being so where it is still there.
  function replace(old, next) {
    const fieldsOf = (part) => [...part.querySelectorAll(":is(input:not([type=hidden]), textarea, select)")];
    const isTicked = (field) => ["checkbox", "radio"].includes(field.type); // several of one name
    const key = (field) => {
      const form = field.closest("[data-section] form")?.getAttribute("action"); // one around it is not renewed
      return [form, field.name, isTicked(field) ? field.value : ""].join(" ");
    };
    const fresh = new Map(fieldsOf(next).map((field) => [key(field), field]));
    const focused = document.activeElement;
    const kept = fieldsOf(old).filter((field) => fresh.has(key(field)));
    for (const field of kept) {
      if (isTicked(field)) fresh.get(key(field)).checked = field.checked;
      else if (field.value !== field.defaultValue) fresh.get(key(field)).value = field.value;
    }
    old.querySelectorAll("details").forEach((one, number) => {
      const same = next.querySelectorAll("details")[number];
      if (same && one.open) same.open = true;
    });
    const place = old.contains(focused) ? placeOf(focused) : null;
    old.replaceWith(next);
    if (kept.includes(focused)) fresh.get(key(focused)).focus();
    else if (place) [...next.querySelectorAll("a, button, summary")].find((one) => placeOf(one) === place)?.focus();
    next.dispatchEvent(new CustomEvent("section:renewed", { bubbles: true }));
  }

  function placeOf(element) {
    const form = element.closest("form")?.getAttribute("action");
    const own = element.getAttribute("href") ?? (element.value || element.textContent.trim()); // texts change
    return [form, own].join(" ");
  }

  // Parts that are the same stay, with what the reader has typed or unfolded in them.
  return async function renew() {
    const response = await window.server.look(url);
    if (!response) return false;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const parts = [...fresh.querySelectorAll("[data-section]")];
    for (const next of parts) {
      const name = next.dataset.section;
      const html = comparable(next);
      if (html === rendered.get(name)) continue;
      const old = root.querySelector(`[data-section="${name}"]`);
      rendered.set(name, html);
      if (old) replace(old, document.adoptNode(next));
      else if (root !== document) insert(next, parts);
    }
    if (root !== document) {
      const names = new Set(parts.map((part) => part.dataset.section));
      for (const old of root.querySelectorAll("[data-section]")) {
        if (names.has(old.dataset.section)) continue;
        rendered.delete(old.dataset.section);
        old.remove();
      }
    }
    return true;
  };

  // Where a part has come up, it goes before the one that follows it.
  function insert(next, parts) {
    const following = parts.slice(parts.indexOf(next) + 1).map((part) => root.querySelector(`[data-section="${part.dataset.section}"]`));
    root.insertBefore(document.adoptNode(next), following.find(Boolean) ?? null);
    next.dispatchEvent(new CustomEvent("section:renewed", { bubbles: true }));
  }
};
