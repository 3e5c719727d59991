// Sends the line under the log without leaving the page. Without this it is an ordinary form.
(() => {
  "use strict";

  const form = document.getElementById("tell");
  if (!form) return;
  const field = form.elements.text;
  const button = form.querySelector("button");
  const problem = form.querySelector(".st-error");

  function tell(text) {
    problem.textContent = text;
    problem.hidden = !text;
  }

  async function send() {
    const response = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { "X-Requested-With": "fetch" },
    }).catch(() => null);
    const isOurs = response?.headers.get("Content-Type")?.startsWith("application/json");
    if (!isOurs) return tell("It could not be sent. Reload the page and try again.");
    const answer = await response.json();
    tell(answer.error);
    if (!response.ok) return;
    field.value = "";
    // The log goes on, which had ended; what was said is in a list of the server's.
    if (answer.followUp || !document.getElementById("task-log")) window.location.reload();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    await send();
    button.disabled = false;
    field.focus();
  });
})();
