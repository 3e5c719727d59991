// Keeps the first page fresh, while somebody sees it.
(() => {
  "use strict";

  const EVERY = 5000; // ms
  const page = document.getElementById("overview");
  const url = new URL(page.dataset.parts, window.location.href);
  url.search = window.location.search;
  const renew = window.sections(url.href, page);

  function draw(part) {
    for (const canvas of part.querySelectorAll("canvas[data-chart]")) {
      window.drawStackedDays(canvas, JSON.parse(document.getElementById(canvas.dataset.chart).textContent));
    }
  }
  draw(page);
  page.addEventListener("section:renewed", (event) => draw(event.target));

  async function goOn() {
    if (!document.hidden) await renew();
    window.setTimeout(goOn, EVERY);
  }
  window.setTimeout(goOn, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) renew();
  });
})();
