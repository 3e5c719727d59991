// Checks a definition while it is written, keeps what was not saved, and renews a live workflow's page.
(() => {
  "use strict";

  const PAUSE = 400; // ms without a key before what is written is checked
  const RENEWAL = 2000; // ms

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // --- The editor ---

  const area = document.querySelector("textarea[name=definition]");
  const check = document.getElementById("workflow-check");
  if (area && check) watchEditor();
  else check?.remove();

  function watchEditor() {
    const told = check.querySelector(".st-check");
    const graph = check.querySelector(".st-check-graph");
    const asLoaded = area.value;
    let timer = null;
    let latest = 0;

    // What was typed and not saved when the page went, as after a login that ran out.
    window.drafts.settle(asLoaded);
    const kept = window.drafts.find("definition");
    if (kept !== null && window.drafts.meaning(kept) !== window.drafts.meaning(asLoaded)) offer(kept);

    area.addEventListener("input", () => {
      window.drafts.keep("definition", area.value);
      window.clearTimeout(timer);
      timer = window.setTimeout(validate, PAUSE);
    });
    area.form.addEventListener("submit", () => {
      window.drafts.keep("definition", area.value);
      window.drafts.send(area.value, ["definition", "notes", "assist"]);
    });
    validate();

    function offer(text) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "st-button";
      button.textContent = "Bring back what you wrote and did not save";
      button.addEventListener("click", () => {
        area.value = text;
        button.remove();
        validate();
      });
      check.prepend(button);
    }

    async function validate() {
      const mine = ++latest;
      const body = new URLSearchParams({ definition: area.value });
      const token = area.form.querySelector("[name=csrfmiddlewaretoken]").value;
      const headers = { "X-CSRFToken": token };
      const response = await fetch(check.dataset.url, { method: "POST", body, headers }).catch(() => null);
      if (mine !== latest) return; // a later check is on its way
      if (!response?.ok || response.redirected) {
        told.textContent = "It could not be checked; it is checked when you save.";
        return;
      }
      const answer = await response.json();
      graph.innerHTML = answer.graph; // the server's own SVG, its texts escaped
      const list = document.createElement("ul");
      list.className = "st-error";
      for (const problem of answer.problems) {
        const item = document.createElement("li");
        item.textContent = problem;
        list.append(item);
      }
      told.replaceChildren(answer.problems.length ? list : "Nothing is wrong with it.");
    }
  }

  // --- The page of a workflow that goes on ---

  const sections = document.getElementById("workflow-sections");
  if (!sections) return;
  const renew = window.sections(sections.dataset.url, sections);
  window.setTimeout(goOn, RENEWAL);

  async function goOn() {
    const isLive = sections.querySelector("[data-live]") || sections.querySelector(".st-request");
    if (isLive && !document.hidden) await renew();
    window.setTimeout(goOn, RENEWAL);
  }
})();
