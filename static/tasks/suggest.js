// Asks a model how what somebody has noted down is best done, and writes its answer into the form.
(() => {
  "use strict";

  const card = document.getElementById("workflow-suggest");
  const area = document.querySelector("textarea[name=definition]");
  if (!card) return;
  if (!area) {
    card.remove();
    return;
  }
  const notes = card.querySelector("textarea");
  const button = card.querySelector("button");
  const cancel = card.querySelector("[data-cancel]");
  const told = card.querySelector("[role=status]");
  button.addEventListener("click", suggest);
  let asking = null;
  cancel.addEventListener("click", () => asking?.abort());

  // A form that was refused comes back without them.
  if (document.querySelector(".errornote")) {
    notes.value = window.drafts.find("notes") ?? "";
    const assist = window.drafts.find("assist");
    if (assist) hidden("assist").value = assist;
  }
  area.form.addEventListener("submit", () => window.drafts.keep("notes", notes.value));

  async function suggest() {
    button.disabled = true;
    cancel.hidden = false;
    asking = new AbortController();
    tell("A model is asked; this may take a minute.");
    try {
      const answer = await ask();
      write(answer);
    } catch (error) {
      tell(asking.signal.aborted ? "Cancelled." : error.message);
    } finally {
      button.disabled = false;
      cancel.hidden = true;
    }
  }

  async function ask() {
    const token = area.form.querySelector("[name=csrfmiddlewaretoken]").value;
    const response = await fetch(card.dataset.url, {
      method: "POST",
      headers: { "X-CSRFToken": token, "Content-Type": "application/json" },
      body: JSON.stringify({ description: notes.value }),
      signal: asking.signal, // who goes away stops it
    }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    if (response?.ok && answer) return answer;
    const said = answer?.error;
    throw new Error(said?.formErrors?.join(" ") || (typeof said === "string" && said) || "There was no answer; try again.");
  }

  function write(answer) {
    const reason = answer.reasoning && `The model says why: \u201c${answer.reasoning}\u201d`;
    const more = [reason, answer.notice].filter(Boolean).join(" ");
    if (!answer.definition) {
      tell(`One task does it all. ${more}`, taskLink(answer));
      return;
    }
    area.value = JSON.stringify(answer.definition, null, 2);
    area.dispatchEvent(new Event("input", { bubbles: true })); // so that it is checked and drawn
    hidden("assist").value = answer.assistId;
    window.drafts.keep("assist", answer.assistId);
    tell(`It is in the form: look it through, then save. ${more}`);
  }

  function hidden(name) {
    let input = area.form.querySelector(`input[name=${name}]`);
    if (!input) {
      input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      area.form.append(input);
    }
    return input;
  }

  function taskLink(answer) {
    const link = document.createElement("a");
    const query = new URLSearchParams({ description: answer.improvedDescription });
    link.href = `${card.dataset.task}?${query}`;
    link.className = "st-link";
    link.textContent = "Add the task";
    return link;
  }

  function tell(text, ...more) {
    told.replaceChildren(`${text} `, ...more);
  }
})();
