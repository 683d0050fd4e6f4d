// Charts: each figure[data-chart] names an expression, which is asked for when the
// figure comes into view, and drawn by uPlot.
const steps = 120; // points across a chart
const again = 60_000; // ms after which a chart in view is asked for anew
const answers = new Map(); // by url, so that alerts of one rule ask once
let library = null;

const visible = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) draw(entry.target).catch((err) => fail(entry.target, err));
  }
}, { rootMargin: "200px" });

export function drawCharts(root = document) {
  for (const figure of root.querySelectorAll("figure[data-chart]")) {
    const due = Date.now() - Number(figure.dataset.drawn || 0) > again;
    if (due) {
      visible.unobserve(figure);
      visible.observe(figure);
    }
  }
}

// uPlot is fetched with the first chart: most pages have none in view.
function uPlot() {
  library ??= new Promise((resolve, reject) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("./uplot/uPlot.min.css", import.meta.url);
    const script = document.createElement("script");
    script.src = new URL("./uplot/uPlot.iife.min.js", import.meta.url);
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => reject(new Error("the chart library could not be read"));
    document.head.append(style, script);
  });
  return library;
}

// query asks for a range of an expression; start and end in seconds.
export function query(expr, start, end, step) {
  const url = `api/v1/query_range?${new URLSearchParams({ query: expr, start, end, step })}`;
  if (!answers.has(url)) {
    answers.set(url, fetch(url).then(async (response) => {
      const body = await response.json();
      if (body.status !== "success") throw new Error(body.error);
      return body.data.result;
    }));
    if (answers.size > 100) answers.delete(answers.keys().next().value);
  }
  return answers.get(url);
}

async function draw(figure) {
  if (Date.now() - Number(figure.dataset.drawn || 0) <= again) return;
  figure.dataset.drawn = Date.now();
  const range = Number(figure.dataset.range);
  const step = Math.max(1, Math.ceil(range / steps));
  const end = Math.floor(Date.now() / 1000 / step) * step;
  const series = await query(figure.dataset.expr, end - range, end, step);
  const mine = figure.dataset.labels ? series.filter((s) => agrees(s.metric, JSON.parse(figure.dataset.labels))) : series;
  const threshold = figure.dataset.threshold === "" ? null : Number(figure.dataset.threshold);
  await plot(figure, mine, { start: end - range, end, step, threshold, large: figure.dataset.large !== undefined });
}

// agrees tells whether a series can be that of an alert: no label of both differs.
function agrees(metric, labels) {
  return Object.entries(metric).every(([name, value]) => name === "__name__" || labels[name] === undefined || labels[name] === value);
}

// columns are times, and the values of each series at them; null where there is none.
function columns(series, start, end, step) {
  const times = [];
  for (let t = start; t <= end; t += step) times.push(t);
  const rows = series.map((s) => {
    const row = new Array(times.length).fill(null);
    for (const [t, v] of s.values || []) {
      const value = Number(v);
      row[Math.round((t - start) / step)] = Number.isFinite(value) ? value : null;
    }
    return row;
  });
  return [times, ...rows];
}

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const colours = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];

// plot draws series into a figure, and returns the chart. Options: start, end, step in
// seconds, threshold, large (with axes and a legend), onSelect(start, end).
export async function plot(figure, series, { start, end, step, threshold = null, large = false, onSelect = null }) {
  const Plot = await uPlot();
  const data = columns(series, start, end, step);
  const lines = series.map((s, i) => ({ label: nameOf(s.metric), stroke: token(colours[i % colours.length]), width: 1.5, spanGaps: false, points: { show: large ? undefined : false } }));
  if (threshold !== null) {
    data.push(data[0].map(() => threshold));
    lines.push({ label: "threshold", stroke: token("--bad-edge"), dash: [4, 4], width: 1, points: { show: false } });
  }
  figure.chart?.destroy();
  figure.replaceChildren();
  figure.setAttribute("role", "img");
  figure.dataset.name ||= figure.getAttribute("aria-label") || "Chart";
  figure.setAttribute("aria-label", `${figure.dataset.name}: ${describe(data.slice(1, series.length + 1))}`);
  const axis = { stroke: token("--soft"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 } };
  figure.chart = new Plot({
    width: Math.max(120, figure.clientWidth), height: large ? 320 : 72,
    tzDate: (t) => Plot.tzDate(new Date(t * 1000), "UTC"),
    legend: { show: false }, cursor: { show: large, drag: { x: Boolean(onSelect), y: false } },
    padding: large ? undefined : [4, 4, 4, 4],
    scales: { x: { min: start, max: end } },
    axes: large ? [axis, { ...axis, size: 70 }] : [{ show: false }, { show: false }],
    series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, ...lines],
    hooks: onSelect ? { setSelect: [(u) => u.select.width > 5 && onSelect(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"))] } : {},
  }, data, figure);
  return figure.chart;
}

// describe is the chart for those who do not see it.
function describe(rows) {
  const values = rows.flat().filter((v) => v !== null);
  if (!values.length) return "no data";
  const text = (v) => Number(v.toPrecision(6)).toString();
  const last = rows.length === 1 ? rows[0].findLast((v) => v !== null) : null;
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  return `from ${text(low)} to ${text(high)}${last === null ? ` in ${rows.length} series` : `, last ${text(last)}`}`;
}

export function nameOf(metric) {
  const { __name__: name = "", ...labels } = metric;
  const list = Object.entries(labels).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  return list.length ? `${name}{${list.join(", ")}}` : name || "{}";
}

function fail(figure, err) {
  figure.replaceChildren();
  const note = document.createElement("p");
  note.className = "sub";
  note.textContent = `No chart: ${err.message}`;
  figure.append(note);
}
