// Keeps what was written in a page and not saved, as after a login that ran out, while the tab is open.
"use strict";

window.drafts = (() => {
  const SENT = "stagent-sent";
  const keyOf = (name) => `stagent-${name}:${window.location.pathname}`;

  // What a person means by a definition, however its spaces and lines came back.
  function meaning(text) {
    try {
      return JSON.stringify(JSON.parse(text));
    } catch {
      return text.replaceAll("\r\n", "\n").trim();
    }
  }

  const find = (name) => window.sessionStorage.getItem(keyOf(name));
  const keep = (name, text) => window.sessionStorage.setItem(keyOf(name), text);

  // Call when the form is sent, with all names of what was kept of it.
  function send(text, names) {
    window.sessionStorage.setItem(SENT, JSON.stringify({ text: meaning(text), keys: names.map(keyOf) }));
  }

  // Forget what was sent, if `saved`, which a page has from the server, is just that.
  function settle(saved) {
    const sent = JSON.parse(window.sessionStorage.getItem(SENT) ?? "null");
    if (!sent || document.querySelector(".errornote") || sent.text !== meaning(saved)) return;
    for (const key of [...sent.keys, SENT]) window.sessionStorage.removeItem(key);
  }

  return { find, keep, meaning, send, settle };
})();
