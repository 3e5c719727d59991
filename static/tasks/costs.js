// The page Costs: its chart, and filters that show what they are set to at once.
(() => {
  "use strict";

  const canvas = document.getElementById("costs-chart");
  if (canvas) {
    window.drawStackedDays(canvas, JSON.parse(document.getElementById("costs-chart-data").textContent));
  }

  const form = document.querySelector(".st-filter-bar");
  form.addEventListener("change", (event) => {
    if (event.target.name === "period") {
      for (const day of form.querySelectorAll("[name=from], [name=to]")) day.disabled = true;
    }
    form.requestSubmit();
  });

  // A link to the words about prices opens them.
  const words = document.getElementById("unpriced");
  const openIfAsked = () => {
    if (words && window.location.hash === "#unpriced") words.open = true;
  };
  window.addEventListener("hashchange", openIfAsked);
  openIfAsked();
})();
