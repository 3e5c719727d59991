// The form of a schedule: says while one writes when it would fire, and shows what the choice leaves.
(() => {
  "use strict";

  const PAUSE = 400; // ms without a key before what is written is looked at
  const url = document.currentScript.dataset.preview;
  const NEEDED = ["interval", "timezone", "active_hours_start", "active_hours_end", "active_timezone"];

  const interval = document.querySelector("input[name=interval]");
  if (!interval) return; // who may only look
  const { form } = interval;
  const told = document.createElement("p");
  told.className = "st-check st-preview";
  told.setAttribute("role", "status");
  (document.getElementById("id_interval_helptext") ?? interval).after(told);

  let timer = null;
  let latest = 0;
  form.addEventListener("input", (event) => {
    if (!NEEDED.includes(event.target.name)) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(preview, PAUSE);
  });
  preview();

  async function preview() {
    const mine = ++latest;
    const body = new URLSearchParams(NEEDED.map((name) => [name, form.elements[name]?.value ?? ""]));
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
    const response = await fetch(url, { method: "POST", body, headers }).catch(() => null);
    if (mine !== latest) return; // a later one is on its way
    const answer = response?.ok && !response.redirected ? await response.json() : {};
    told.textContent = answer.error ?? answer.text ?? "It could not be checked; it is checked when you save.";
    told.classList.toggle("st-error", "error" in answer);
  }

  // --- A task, or a workflow ---

  const OF_TASKS = ["type", "prompt", "points", "assigned_agent", "agent_profile", "documents", "budget_usd"];
  const choices = [...form.querySelectorAll("input[name=starts]")];
  const row = (name) => form.querySelector(`.field-${name}`);
  if (!choices.length || !row("workflow")) return;

  function showChosen() {
    const isWorkflow = choices.find((one) => one.checked)?.value === "workflow";
    for (const name of OF_TASKS) row(name)?.toggleAttribute("hidden", isWorkflow);
    row("workflow").toggleAttribute("hidden", !isWorkflow);
  }
  for (const one of choices) one.addEventListener("change", showChosen);
  showChosen();
})();
