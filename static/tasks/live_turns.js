// Puts entries of a log that come live into turns, as the server groups those that were there.
"use strict";

// `render(entry)` makes a row, `visible(text)` a text in which nothing hides; returns what adds an entry.
window.liveTurns = (list, render, visible) => {
  const template = document.getElementById("log-turn");
  const calls = new Map(); // id of a call without a result -> its row
  list.querySelectorAll("[data-call]").forEach((row) => calls.set(row.dataset.call, row));
  const last = list.lastElementChild;
  let turn = last?.hasAttribute("data-open") ? last : null; // the one that goes on

  function open(entry) {
    turn = template.content.firstElementChild.cloneNode(true);
    const time = turn.querySelector("summary time");
    time.dateTime = entry.timestamp;
    window.localTimes.write(time);
    list.append(turn);
  }

  function attach(entry, row) {
    const answer = document.createElement("span");
    answer.className = "st-text st-answer";
    answer.append(visible(entry.message));
    row.querySelector(".st-text").after(answer);
    calls.delete(entry.callId);
    return row;
  }

  function append(entry) {
    if (!turn) open(entry);
    const row = render(entry);
    turn.querySelector("ol").append(row);
    if (entry.eventType === "tool_use") {
      turn.dataset.calls = Number(turn.dataset.calls ?? 0) + 1;
      if (entry.callId) calls.set(entry.callId, row);
    }
    return row;
  }

  function took(entry) {
    const seconds = (Date.parse(entry.timestamp) - Date.parse(turn.querySelector("summary time").dateTime)) / 1000;
    if (seconds < 10) return `${Math.max(seconds, 0).toFixed(1)} s`;
    const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
    if (minutes < 60) return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  function cost(microdollars) {
    if (microdollars > 0 && microdollars < 5000) return "<$0.01";
    return "$" + (microdollars / 1e6).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }

  function sumUp(entry) {
    const { calls: number = 0, cost: spent } = turn.dataset;
    const parts = [took(entry)];
    if (entry.eventType === "usage" && spent !== undefined) parts.push(cost(Number(spent)));
    if (Number(number)) parts.push(`${number} call${number === "1" ? "" : "s"}`);
    turn.querySelector("summary span").textContent = parts.join(" \u00b7 ");
  }

  return (entry) => {
    const called = entry.eventType === "tool_result" && calls.get(entry.callId);
    const row = called ? attach(entry, called) : append(entry);
    if (entry.eventType === "error" || entry.isError === true) {
      row.setAttribute("data-error", "");
      row.closest(".st-turn").querySelector("summary").classList.add("st-has-error");
    }
    if (!turn) return;
    if (entry.eventType === "usage" && entry.costMicros != null) turn.dataset.cost = entry.costMicros;
    sumUp(entry);
    if (entry.eventType === "usage") turn = null;
  };
};
