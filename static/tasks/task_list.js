// The list of tasks: a choice of a filter is shown at once, and empty ones stay out of the address.
(() => {
  "use strict";

  const form = document.querySelector(".st-list-filters");
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("select")) form.requestSubmit();
  });
  // Coming back by the browser's history, they can be set again.
  window.addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
})();
