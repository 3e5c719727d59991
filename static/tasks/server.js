// What live pages ask the server with: `window.server.look(url)` returns its response, null if there is none.
// Where it does not answer twice, or wants a login, a banner says so, and until when the page is from.
"use strict";

window.server = (() => {
  const MOST = 10000; // ms that an answer may take
  const AGAIN = 3000;
  let answeredAt = new Date();
  let failures = 0;
  let banner = null;
  let timer = null;

  async function look(url) {
    const response = await fetch(url, { signal: AbortSignal.timeout(MOST) }).catch(() => null);
    if (!response || response.status >= 502) {
      fail();
      return null;
    }
    if (response.redirected && new URL(response.url).pathname.endsWith("/login/")) {
      show(`You are logged out; what you see is from ${time()}. Reload the page to log in.`);
      return null;
    }
    answer();
    return response.ok && !response.redirected ? response : null;
  }

  function answer() {
    failures = 0;
    answeredAt = new Date();
    window.clearTimeout(timer);
    timer = null;
    banner?.remove();
    banner = null;
  }

  function fail() {
    failures += 1;
    if (failures > 1) show(`The server does not answer since ${time()}; what you see is from then. Trying again \u2026`);
    timer ??= window.setTimeout(verify, AGAIN);
  }

  async function verify() {
    timer = null;
    const response = await fetch("/health/live", { signal: AbortSignal.timeout(MOST), cache: "no-store" }).catch(() => null);
    if (!response || response.status >= 502) return fail();
    answer();
  }

  const time = () => window.localTimes.clock(answeredAt);

  function show(text) {
    if (!banner) {
      banner = document.createElement("p");
      banner.className = "st-server-gone";
      banner.setAttribute("role", "alert");
      document.body.prepend(banner);
    }
    if (banner.textContent !== text) banner.textContent = text;
  }

  return { look, doubt: fail };
})();
