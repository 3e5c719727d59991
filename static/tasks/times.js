// Times in the reader's own zone: the server writes UTC, and what they are of into `datetime`.
// data-ago: how long ago, or the day from a day on; data-moment: date and time; data-clock: the time alone.
"use strict";

window.localTimes = (() => {
  const EVERY = 1000; // ms: all of a page age together, whenever each came from the server
  const DAY = 86400; // seconds
  const UNITS = [
    [DAY / 24, "hour"],
    [60, "minute"],
    [1, "second"],
  ];
  const two = (number) => String(number).padStart(2, "0");
  const clock = (at) => [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const moment = (at) => `${day(at)} ${clock(at)}`;

  function ago(at) {
    const seconds = Math.round((Date.now() - at) / 1000);
    const length = Math.abs(seconds);
    if (length >= DAY) return `${day(at)} ${clock(at).slice(0, 5)}`;
    if (!length) return "now";
    const [size, unit] = UNITS.find(([size]) => length >= size);
    const number = Math.floor(length / size);
    return `${number} ${unit}${number === 1 ? "" : "s"} ${seconds > 0 ? "ago" : "from now"}`;
  }

  const zone = (at) => Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(at).find((part) => part.type === "timeZoneName").value;
  const WAYS = { ago, moment, clock };

  function write(time) {
    const way = Object.keys(WAYS).find((name) => name in time.dataset);
    const at = new Date(time.dateTime);
    if (!way || Number.isNaN(at.valueOf())) return;
    const text = WAYS[way](at);
    if (time.textContent !== text) time.textContent = text;
    time.title = `${moment(at)} ${zone(at)}`;
  }

  function writeAll(root) {
    if (root.matches?.("time[datetime]")) write(root);
    root.querySelectorAll?.("time[datetime]").forEach(write);
  }

  window.addEventListener("DOMContentLoaded", () => {
    writeAll(document);
    new MutationObserver((changes) => {
      for (const change of changes) change.addedNodes.forEach(writeAll);
    }).observe(document.body, { childList: true, subtree: true });
    window.setInterval(() => document.querySelectorAll("time[data-ago]").forEach(write), EVERY);
  });
  return { clock, write };
})();
