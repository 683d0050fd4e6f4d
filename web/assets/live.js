// Keeps a page as the server would show it now: listens for news, fetches the page
// again, and changes what has changed, in place, so that focus, selection, open
// details and what is being typed stay.
import { drawCharts } from "./chart.js";
import { followFilter } from "./filter.js";

const retryAfter = 5000; // ms, where the browser does not try again by itself
let stream = null;
let retry = 0;

// update fetches the page at url and takes its content over.
export async function update(url = location.href) {
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  const type = response.headers.get("Content-Type") || "";
  if (!type.startsWith("text/html")) throw new Error(`status ${response.status}`);
  take(new DOMParser().parseFromString(await response.text(), "text/html"));
}

function take(next) {
  const before = document.getElementById("main").dataset.headline;
  document.title = next.title;
  morph(document.querySelector("link[rel=icon]"), next.querySelector("link[rel=icon]"));
  for (const id of ["pages", "main", "foot"]) {
    morph(document.getElementById(id), next.getElementById(id));
  }
  document.body.dataset.seen = next.body.dataset.seen;
  const after = document.getElementById("main").dataset.headline;
  if (after !== before) document.getElementById("news").textContent = after;
  drawCharts();
}

// morph makes the element old equal to the element now. What scripts have made of a
// chart, what the reader has opened, and what is typed are the reader's.
function morph(old, now) {
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!now.hasAttribute(name) && !(name === "open" && old.localName === "details")) old.removeAttribute(name);
  }
  if (old.hasAttribute("data-keep") || old.hasAttribute("data-chart")) return;
  if (old.localName === "textarea" || old.localName === "select") return;
  const named = new Map();
  for (const child of old.children) if (child.id) named.set(child.id, child);
  let at = old.firstChild;
  for (const child of [...now.childNodes]) {
    const mine = child.id ? named.get(child.id) : at && !at.id && same(at, child) ? at : null;
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
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && !b.id;
}

function lost(text) {
  const note = document.getElementById("lost");
  note.hidden = !text;
  note.textContent = text;
}

function listen() {
  clearTimeout(retry);
  stream?.close();
  stream = new EventSource("events");
  stream.addEventListener("snapshot", async (event) => {
    if (event.data === document.body.dataset.seen) return lost("");
    try {
      await update();
      lost("");
    } catch (err) {
      lost(`This page could not be read again (${err.message}). It shows what was then.`);
    }
  });
  stream.onerror = () => {
    const at = document.querySelector("#foot time")?.textContent || "";
    lost(`The connection is lost. This is as of ${at}. Trying again.`);
    if (stream.readyState === EventSource.CLOSED) {
      clearTimeout(retry);
      retry = setTimeout(listen, retryAfter);
    }
  };
}

// A page that nobody sees costs its host nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(retry);
    stream?.close();
  } else listen();
});

// What takes over the page must not find it half replaced.
followFilter(update);
drawCharts();
listen();
