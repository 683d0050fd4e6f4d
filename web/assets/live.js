// Keeps a page as the server would show it now: listens for news, fetches the page
// again, and changes what has changed, in place, so that focus, selection, open
// details and what is being typed stay.
import { drawCharts } from "./chart.js";
import { followFilter } from "./filter.js";

const retryAfter = 5000; // ms, where the browser does not try again by itself
const overdue = 45_000; // ms without an event, which is three beats of the stream
let stream = null;
let retry = 0;
let watch = 0;
let turn = 0; // of updates
let wanted = ""; // what the last event named
let looking = false;

// update fetches the page at url and takes its content over, unless something else was
// asked for meanwhile. A page that costs a query names another for its frame, and is
// read again when its reader asks.
async function update(url) {
  const mine = ++turn;
  const frame = url ? "" : document.body.dataset.still;
  url ||= frame || location.href;
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  const type = response.headers.get("Content-Type") || "";
  if (!type.startsWith("text/html")) throw new Error(`status ${response.status}`);
  const text = await response.text();
  if (mine === turn) take(new DOMParser().parseFromString(text, "text/html"), frame ? ["pages"] : undefined);
}

function take(next, parts = ["pages", "main", "foot"]) {
  const before = document.getElementById("main").dataset.headline;
  document.title = next.title;
  morph(document.querySelector("link[rel=icon]"), next.querySelector("link[rel=icon]"));
  for (const id of parts) {
    morph(document.getElementById(id), next.getElementById(id));
  }
  document.body.dataset.seen = next.body.dataset.seen;
  const after = document.getElementById("main").dataset.headline;
  if (after !== before) document.getElementById("news").textContent = after;
  drawCharts();
}

// morph makes the element old equal to the element now. What scripts have made of a
// chart, what the reader has opened or closed, and what is typed are the reader's.
function morph(old, now) {
  const theirs = (name) => name === "open" && old.localName === "details";
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value && !theirs(name)) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!now.hasAttribute(name) && !theirs(name)) old.removeAttribute(name);
  }
  if (old.hasAttribute("data-chart")) return;
  if (old.localName === "textarea" || old.localName === "select") return;
  const wanted = new Set([...now.children].map(key));
  const named = new Map();
  for (const child of [...old.children]) {
    if (wanted.has(key(child))) named.set(key(child), child);
    else if (key(child)) child.remove();
  }
  named.delete("");
  let at = old.firstChild;
  for (const child of [...now.childNodes]) {
    const mine = key(child) ? named.get(key(child)) : at && same(at, child) ? at : null;
    // A node that is moved loses the focus: rather what is before it goes.
    while (mine && at && at !== mine && !key(at)) at = drop(at);
    if (!mine) {
      old.insertBefore(document.adoptNode(child), at);
      continue;
    }
    if (mine === at) at = at.nextSibling;
    else old.insertBefore(mine, at);
    if (mine.nodeType !== Node.ELEMENT_NODE) {
      if (mine.data !== child.data) mine.data = child.data;
    } else morph(mine, child);
  }
  while (at) at = drop(at);
}

// key tells an element from its siblings; empty for those that come in their order.
function key(node) {
  const name = node.id || node.getAttribute?.("aria-labelledby");
  return name ? `${node.localName} ${name}` : "";
}

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && !key(a) && !key(b);
}

// drop removes a node, and returns the next.
function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function lost(text) {
  const note = document.getElementById("lost");
  note.hidden = !text;
  note.textContent = text;
}

function broken() {
  const at = document.querySelector("#foot time")?.textContent || "";
  lost(`The connection is lost. This is as of ${at}. Trying again.`);
}

// heard says that the connection is alive. One that is not is silent.
function heard() {
  clearTimeout(watch);
  watch = setTimeout(() => {
    broken();
    listen();
  }, overdue);
}

function listen() {
  deaf();
  heard();
  stream = new EventSource("events");
  stream.addEventListener("snapshot", (event) => {
    heard();
    wanted = event.data;
    look();
  });
  stream.onerror = () => {
    broken();
    if (stream.readyState === EventSource.CLOSED) {
      clearTimeout(retry);
      retry = setTimeout(listen, retryAfter);
    }
  };
}

// look updates the page to what is wanted, however fast the news come: one update at a
// time, and a rest of thrice what it took, to spare a slow link and a small host.
async function look() {
  if (looking) return;
  looking = true;
  try {
    for (let asked = ""; wanted !== document.body.dataset.seen && wanted !== asked; ) {
      asked = wanted;
      const began = performance.now();
      await update();
      lost("");
      await new Promise((rested) => setTimeout(rested, 3 * (performance.now() - began)));
    }
    lost("");
  } catch (err) {
    lost(`This page could not be read again (${err.message}). It shows what was then.`);
  } finally {
    looking = false;
  }
}

function deaf() {
  clearTimeout(retry);
  clearTimeout(watch);
  stream?.close();
}

// A page that nobody sees costs its host nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) deaf();
  else listen();
});

// What takes over the page must not find it half replaced.
followFilter(update);
drawCharts();
listen();
