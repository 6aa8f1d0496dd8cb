/** The script of a report's page: one hair across all charts, and each legend tells the values under it. */

/** The plot's edges and the picture's width, as in chart.ts. */
const [left, right, width] = [58, 990, 1000];
const sections = [...document.querySelectorAll("section.chart")];
const data = sections.map((section) => {
  const script = section.querySelector("script");
  return script === null ? undefined : JSON.parse(script.textContent);
});

document.addEventListener("pointermove", (event) => {
  const svg = event.target instanceof Element ? event.target.closest("svg") : null;
  const end = Number(svg?.dataset.end ?? 0);
  if (svg === null || !(end > 0)) return show(undefined, 0);
  const box = svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * width;
  const share = (x - left) / (right - left);
  show(share < 0 || share > 1 ? undefined : share * end, x);
});

/** Shows the values at a time, or the largest ones again. */
function show(seconds, x) {
  for (const [i, section] of sections.entries()) {
    const own = data[i];
    const hair = section.querySelector(".hair");
    for (const side of ["x1", "x2"]) hair?.setAttribute(side, seconds === undefined ? "-9" : String(x));
    const at = section.querySelector(".at");
    if (at !== null) at.textContent = seconds === undefined ? "" : `at ${seconds.toFixed(1)} s`;
    const nearest = own === undefined || seconds === undefined ? -1 : nearestOf(own.times, seconds);
    for (const [k, value] of [...section.querySelectorAll("b[data-peak]")].entries())
      value.textContent = own?.values[k]?.[nearest] ?? value.dataset.peak;
  }
}

function nearestOf(times, seconds) {
  let best = 0;
  for (const [i, time] of times.entries())
    if (Math.abs(time - seconds) < Math.abs(times[best] - seconds)) best = i;
  return best;
}
