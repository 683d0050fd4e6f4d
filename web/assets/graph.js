// The graph page: the chart of what the server has evaluated, and completion. The
// URL is the state: a new range is a new page.
import { colours, fail, plot } from "./chart.js";
import { complete } from "./complete.js";

const form = document.getElementById("query");
const figure = document.getElementById("chart");
let here = null; // the readout of the chart

// show goes to the chart of another time; from and to in seconds.
function show(from, to) {
  const url = new URL(location.href);
  url.searchParams.set("g0.range_input", `${Math.max(1, Math.round(to - from))}s`);
  url.searchParams.set("g0.moment_input", new Date(to * 1000).toISOString().slice(0, 19).replace("T", " "));
  url.searchParams.delete("g0.end_input");
  url.searchParams.delete("g0.step_input");
  location.assign(url);
}

async function draw() {
  const { start, step, steps } = figure.dataset;
  const times = Array.from({ length: Number(steps) + 1 }, (_, i) => Number(start) + i * Number(step));
  const lines = [...document.querySelectorAll("#lines tbody tr")];
  const rows = lines.map((tr) => tr.dataset.points.split(",").map((text) => (text === "" ? null : Number(text))));
  here?.show(null);
  here = readout(lines, rows, times);
  const chart = await plot(figure, times, rows, { names: lines.map((tr) => tr.dataset.name), large: true, onSelect: show, onCursor: (i) => here.show(i) });
  lines.forEach((tr, i) => legend(tr, i, chart));
  figure.append(here.slider(chart));
}

// legend gives a row of the table its colour, and a box that takes its line off.
function legend(tr, i, chart) {
  tr.querySelector(".legend")?.remove();
  const label = document.createElement("label");
  label.className = `legend c${i % colours.length}`;
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = true;
  box.setAttribute("aria-label", `Draw ${tr.dataset.name}`);
  box.addEventListener("change", () => chart.setSeries(i + 1, { show: box.checked }));
  const mark = document.createElement("span");
  mark.setAttribute("aria-hidden", "true");
  label.append(box, mark);
  tr.querySelector("th").prepend(label);
}

// readout shows in the table the values where the reader points, and the last ones
// where nobody does.
function readout(lines, rows, times) {
  const head = document.getElementById("here");
  const cells = lines.map((tr) => tr.querySelector("td:last-child"));
  const last = cells.map((cell) => cell.textContent);
  const clock = (i) => new Date(times[i] * 1000).toISOString().slice(0, 19).replace("T", " ");
  const write = (title, texts) => {
    head.textContent = title;
    cells.forEach((cell, i) => {
      cell.textContent = texts[i];
      cell.dataset.column = title;
    });
  };
  const show = (i) => (i === null ? write("Last", last) : write(clock(i), rows.map((row) => row[i] ?? "none")));
  // slider is the pointer of those who have none.
  const slider = (chart) => {
    const input = document.createElement("input");
    Object.assign(input, { type: "range", min: 0, max: times.length - 1, value: times.length - 1 });
    input.setAttribute("aria-label", "Show the values at");
    const point = () => {
      input.setAttribute("aria-valuetext", clock(input.value));
      chart.setCursor({ left: chart.valToPos(times[input.value], "x"), top: 10 });
    };
    input.setAttribute("aria-valuetext", clock(input.value));
    input.addEventListener("input", point);
    return input;
  };
  return { show, slider };
}

if (figure) {
  const again = () => draw().catch((err) => fail(figure, err));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  again();
}

// What is empty has no place in a link.
form.addEventListener("formdata", ({ formData }) => {
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});

complete(document.getElementById("expr"), document.getElementById("completion"), document.getElementById("completion-news"), () => form.requestSubmit(form.querySelector("button")));
