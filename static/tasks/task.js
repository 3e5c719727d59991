// A task's page: asks before what cannot be undone, copies, and keeps its parts fresh.
(() => {
  "use strict";

  const EVERY = 3000; // ms, where no log tells that something has happened

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const response = await fetch(button.dataset.copy);
    await navigator.clipboard.writeText(await response.text());
    const title = button.textContent;
    button.textContent = "Copied";
    window.setTimeout(() => (button.textContent = title), 2000);
  });

  const told = document.getElementById("task-live");
  if (!told) return;
  const live = JSON.parse(told.textContent);
  const renewSections = window.sections(live.sections);
  let timer = null;
  let dueAt = Infinity;

  function renew() {
    dueAt = Infinity;
    return renewSections();
  }

  // Of several wishes the soonest counts.
  window.renewTask = (delay) => {
    const wanted = Date.now() + delay;
    if (wanted >= dueAt) return;
    window.clearTimeout(timer);
    dueAt = wanted;
    timer = window.setTimeout(renew, delay);
  };

  const isOver = () => document.querySelector('[data-section="summary"]')?.hasAttribute("data-final");
  async function goOn() {
    if (!document.hidden) await renew();
    if (!isOver()) window.setTimeout(goOn, EVERY);
  }
  if (!document.getElementById("task-log") && !live.isFinished) window.setTimeout(goOn, EVERY);
})();
