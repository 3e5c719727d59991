// Draws days as stacked bars with the Chart.js that unfold brings; a press on a bar goes to its address.
"use strict";

window.drawStackedDays = (canvas, data) => {
  // Far enough apart in hue to be told apart, also by most who see fewer colours; "all others" is grey.
  const COLOURS = ["#5b5bd6", "#d97706", "#0d9488", "#be185d", "#2563eb", "#65a30d", "#7c3aed"];
  const GREY = "#8b8b99";
  const dollars = (value) => "$" + value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

  function addressOf(index, series) {
    const url = new URL(data.address, window.location.href);
    url.searchParams.set("from", data.days[index]);
    url.searchParams.set("to", data.days[index]);
    if (series?.value) url.searchParams.set(data.by, series.value);
    return url.href;
  }

  const datasets = data.series.map((series, number) => ({
    label: series.name,
    data: series.costs,
    backgroundColor: series.value === null ? GREY : COLOURS[number % COLOURS.length],
    stack: "cost",
    borderRadius: 2,
    maxBarThickness: 48,
  }));
  if (data.limit !== null) {
    datasets.push({
      type: "line",
      label: "Daily limit",
      data: data.days.map(() => data.limit),
      borderColor: "#dc2626",
      backgroundColor: "#dc2626",
      borderWidth: 2,
      borderDash: [6, 4],
      pointRadius: 0,
      pointHitRadius: 0,
    });
  }

  const chart = new window.Chart(canvas, {
    type: "bar",
    data: { labels: data.days.map((day) => day.slice(5)), datasets },
    options: {
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: "index", intersect: false },
      onClick: (event) => {
        const [at] = chart.getElementsAtEventForMode(event, "nearest", { intersect: true }, false);
        const [day] = chart.getElementsAtEventForMode(event, "index", { intersect: false }, false);
        if (day) window.location.href = addressOf(day.index, at && data.series[at.datasetIndex]);
      },
      onHover: (event, found) => {
        canvas.style.cursor = found.length ? "pointer" : "default";
      },
      scales: {
        x: { stacked: true, grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 12 } },
        y: { stacked: true, beginAtZero: true, ticks: { maxTicksLimit: 6, callback: dollars } },
      },
      plugins: {
        legend: { position: "bottom", align: "start", labels: { boxWidth: 12, boxHeight: 12 } },
        tooltip: {
          filter: (item) => item.raw > 0,
          itemSort: (one, other) => other.raw - one.raw,
          callbacks: {
            title: (items) => (items.length ? data.days[items[0].dataIndex] : ""),
            label: (item) => ` ${item.dataset.label}: ${dollars(item.raw)}`,
            footer: (items) => {
              const bars = items.filter((item) => item.dataset.stack === "cost");
              return "Together: " + dollars(bars.reduce((sum, item) => sum + item.raw, 0));
            },
          },
        },
      },
    },
  });

  // Chart.js reads colours once; a page changes between light and dark.
  function colour() {
    const style = window.getComputedStyle(document.documentElement);
    const text = style.getPropertyValue("--st-quiet").trim();
    const line = style.getPropertyValue("--st-line").trim();
    const probe = (value) => {
      canvas.style.color = value;
      return window.getComputedStyle(canvas).color;
    };
    for (const scale of Object.values(chart.options.scales)) scale.ticks.color = probe(text);
    chart.options.scales.y.grid = { color: probe(line) };
    chart.options.plugins.legend.labels.color = probe(text);
    chart.update();
  }
  colour();
  new MutationObserver(colour).observe(document.documentElement, { attributeFilter: ["class"] });
  return chart;
};
