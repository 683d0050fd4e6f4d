// Charts: each figure[data-chart] names an expression, which is asked for when the
// figure comes into view, and drawn by uPlot.
const steps = 120; // points across a chart
const again = 60_000; // ms after which a chart in view is asked for anew
const shared = 5_000; // ms for which an answer is good
const answers = new Map(); // by url, so that alerts of one rule ask once
const drawn = new WeakMap(); // when each figure was
let library = null;

const visible = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) draw(entry.target).catch((err) => fail(entry.target, err));
  }
}, { rootMargin: "200px" });

// hostTime is the page's own, in seconds: the reader's clock may be any.
export function hostTime() {
  return Date.parse(document.querySelector("#foot time").dateTime) / 1000;
}

export function drawCharts() {
  for (const [figure, chart] of charts) {
    if (figure.isConnected) continue;
    chart.destroy(); // it listens to the window, which would keep it
    charts.delete(figure);
    visible.unobserve(figure);
    sizes.unobserve(figure);
  }
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    if (isDue(figure)) {
      visible.unobserve(figure);
      visible.observe(figure);
    }
  }
}

function isDue(figure) {
  return Date.now() - (drawn.get(figure) || 0) > again;
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
function query(expr, start, end, step) {
  const url = `api/v1/query_range?${new URLSearchParams({ query: expr, start, end, step })}`;
  if (!answers.has(url)) {
    answers.set(url, fetch(url).then(async (response) => {
      const body = await response.json();
      if (body.status !== "success") throw new Error(body.error);
      return body.data.result;
    }));
    setTimeout(() => answers.delete(url), shared);
  }
  return answers.get(url);
}

async function draw(figure) {
  if (!isDue(figure)) return;
  drawn.set(figure, Date.now());
  const range = Number(figure.dataset.range);
  const step = Math.max(1, Math.ceil(range / steps));
  const end = Math.floor(hostTime() / step + 1) * step; // what has just begun is there
  const series = await query(figure.dataset.expr, end - range, end, step);
  const mine = figure.dataset.labels ? series.filter((s) => agrees(s.metric, JSON.parse(figure.dataset.labels))) : series;
  const threshold = figure.dataset.threshold === "" ? null : Number(figure.dataset.threshold);
  const [times, ...rows] = columns(mine, end - range, end, step);
  await plot(figure, times, rows, { names: mine.map((s) => nameOf(s.metric)), threshold, large: figure.dataset.large !== undefined });
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

// plot draws rows of values at times into a figure, and returns the chart. Options:
// names of the rows, threshold, large (with axes), onSelect(from, to) in seconds of
// what the reader has marked, onCursor(index or null) where the reader points.
export async function plot(figure, times, rows, { names = [], threshold = null, large = false, onSelect = null, onCursor = null } = {}) {
  const Plot = await uPlot();
  const data = [times, ...rows];
  const lines = rows.map((_, i) => ({ label: names[i], stroke: token(colours[i % colours.length]), width: 1.5, dash: dashes[Math.floor(i / colours.length)], points: { show: large ? undefined : false } }));
  if (threshold !== null) {
    data.push(times.map(() => threshold));
    lines.push({ label: "threshold", stroke: token("--bad-edge"), dash: [4, 4], width: 1, points: { show: false } });
  }
  charts.get(figure)?.destroy();
  const image = document.createElement("div");
  image.setAttribute("role", "img");
  image.setAttribute("aria-label", `${figure.getAttribute("aria-label") || "Chart"}: ${describe(rows)}`);
  figure.replaceChildren(image);
  const axis = { stroke: token("--soft"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 } };
  const chart = new Plot({
    width: Math.max(120, image.clientWidth), height: large ? 320 : 72,
    tzDate: (t) => Plot.tzDate(new Date(t * 1000), "UTC"),
    legend: { show: false }, cursor: { show: large, drag: { x: Boolean(onSelect), y: false, setScale: false } },
    padding: large ? undefined : [4, 4, 4, 4],
    scales: { x: { min: times[0], max: times.at(-1) } },
    axes: large ? [{ ...axis, values: clock }, { ...axis, values: brief, size: room }] : [{ show: false }, { show: false }],
    series: [{}, ...lines],
    hooks: {
      setSelect: [(u) => u.select.width > 5 && onSelect?.(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"))],
      setCursor: [(u) => onCursor?.(u.cursor.idx ?? null)],
    },
  }, data, image);
  charts.set(figure, chart);
  sizes.observe(figure);
  return chart;
}

const dashes = [[], [8, 4], [2, 3]]; // where the colours begin anew

const charts = new Map(); // by figure
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const chart = charts.get(target), width = Math.max(120, Math.floor(contentRect.width));
    if (chart && chart.width !== width) chart.setSize({ width, height: chart.height });
  }
});

// clock is the time of a tick in UTC, with the day where it begins.
function clock(_, ticks, __, ___, step) {
  return ticks.map((t, i) => {
    const text = new Date(t * 1000).toISOString();
    const day = i === 0 || text.slice(0, 10) !== new Date(ticks[i - 1] * 1000).toISOString().slice(0, 10);
    const time = text.slice(11, step < 60 ? 19 : 16);
    return step >= 86400 ? text.slice(5, 10) : day ? `${time}\n${text.slice(5, 10)}` : time;
  });
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 5 });
const full = new Intl.NumberFormat("en", { maximumSignificantDigits: 9 });

// brief are the numbers of an axis, shortened where that tells them apart.
function brief(_, ticks) {
  const texts = ticks.map((v) => (Math.abs(v) >= 1e4 ? compact : full).format(v));
  return new Set(texts).size === texts.length ? texts : ticks.map((v) => full.format(v));
}

function room(_, texts) {
  return 24 + 7 * Math.max(2, ...(texts || []).map((t) => t.length));
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

function nameOf(metric) {
  const { __name__: name = "", ...labels } = metric;
  const list = Object.entries(labels).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  return list.length ? `${name}{${list.join(", ")}}` : name || "{}";
}

export function fail(figure, err) {
  figure.replaceChildren();
  const note = document.createElement("p");
  note.className = "sub";
  note.textContent = `No chart: ${err.message}`;
  figure.append(note);
}
