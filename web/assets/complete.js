// Completion of PromQL in a text field: a combobox with a listbox (ARIA 1.2), of
// what the host has stored and what the language knows.
import { hostTime } from "./chart.js";

const most = 50; // suggestions
const fresh = 60_000; // ms for which an answer is good
const day = 86_400; // s back in which names are looked for
const answers = new Map();

async function ask(path, params = {}) {
  const start = hostTime() - day;
  const url = `api/v1/${path}?${new URLSearchParams({ ...params, ...(path === "metadata" ? {} : { start }) })}`;
  const key = path + JSON.stringify(params);
  const known = answers.get(key);
  if (known && Date.now() - known.at < fresh) return known.data;
  const data = fetch(url).then(async (response) => (await response.json()).data ?? []).catch(() => []);
  answers.set(key, { at: Date.now(), data });
  return data;
}

// place tells what is to be written at the end of a text: the part of a metric or
// function, a label or a value of one; null where nothing can be offered.
export function place(text) {
  const open = [];
  let quote = "", quoted = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      if (c === "\\" && quote !== "`") i++;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'" || c === "`") [quote, quoted] = [c, i + 1];
    else if (c === "#") {
      i = text.indexOf("\n", i);
      if (i < 0) return null;
    } else if (c === "{") open.push({ c, at: i + 1, metric: text.slice(0, i).match(/([a-zA-Z_:][\w:]*)\s*$/)?.[1] });
    else if (c === "(") open.push({ c, labels: /\b(by|without|on|ignoring|group_left|group_right)\s*$/i.test(text.slice(0, i)) });
    else if (c === "[") open.push({ c });
    else if (c === "}" || c === ")" || c === "]") open.pop();
  }
  const inside = open.at(-1);
  if (quote) {
    const label = inside?.c === "{" && text.slice(inside.at, quoted - 1).match(/([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*$/)?.[1];
    return label ? { kind: "value", label, metric: inside.metric, part: text.slice(quoted) } : null;
  }
  const part = text.match(/[a-zA-Z_:][\w:]*$/)?.[0] ?? "";
  const before = text.slice(0, text.length - part.length);
  if (inside?.c === "[" || /[\d.]$/.test(before)) return null;
  if (inside?.c === "{") return /[{,]\s*$/.test(before) ? { kind: "label", metric: inside.metric, part } : null;
  if (inside?.labels) return { kind: "label", part };
  return part ? { kind: "name", part } : null;
}

// offers are the suggestions for a place, the best first.
async function offers(at, words) {
  const match = at.metric ? { "match[]": at.metric } : {};
  let list = [];
  if (at.kind === "value") list = (await ask(`label/${encodeURIComponent(at.label)}/values`, { ...match, limit: 1000 })).map((text) => ({ text, kind: "value" }));
  else if (at.kind === "label") list = (await ask("labels", { ...match, limit: 1000 })).filter((text) => text !== "__name__").map((text) => ({ text, kind: "label" }));
  else {
    const [names, told] = await Promise.all([ask("label/__name__/values", { limit: 10_000 }), ask("metadata")]);
    list = names.map((text) => {
      const { type = "metric", help = "" } = (told[text] || told[text.replace(/_(bucket|sum|count|total|created|info)$/, "")] || [{}])[0];
      return { text, kind: type === "unknown" ? "metric" : type, help };
    }).concat(words);
  }
  const wanted = at.part.toLowerCase();
  const rank = ({ text }) => (text.toLowerCase().startsWith(wanted) ? 0 : 1);
  return list.filter(({ text }) => text.toLowerCase().includes(wanted)).sort((a, b) => rank(a) - rank(b)).slice(0, most);
}

// complete makes field a combobox; submit is called on Enter.
export function complete(field, box, news, submit) {
  const words = Object.entries({ functions: "function", aggregations: "aggregation", keywords: "keyword" })
    .flatMap(([name, kind]) => field.dataset[name].split(" ").map((text) => ({ text, kind })));
  let shown = [], chosen = -1, at = null, turn = 0;
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": box.id, "aria-expanded": "false" })) field.setAttribute(name, value);

  const close = () => {
    turn++;
    box.hidden = true;
    chosen = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    news.textContent = "";
  };
  const choose = (i) => {
    box.children[chosen]?.setAttribute("aria-selected", "false");
    chosen = (i + shown.length) % shown.length;
    const option = box.children[chosen];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  };
  const accept = (i) => {
    const { text, kind } = shown[i];
    const end = field.selectionStart, start = end - at.part.length;
    const written = kind === "value" ? text.replace(/["\\]/g, "\\$&") : kind === "function" || kind === "aggregation" ? `${text}(` : text;
    field.setRangeText(written, start, end, "end");
    field.focus();
    close();
  };
  const open = async (always) => {
    const mine = ++turn;
    at = field.selectionStart === field.selectionEnd ? place(field.value.slice(0, field.selectionStart)) : null;
    if (!at && always) at = { kind: "name", part: "" };
    const list = at ? await offers(at, words) : [];
    if (mine !== turn) return; // typed on
    if (!list.length || (list.length === 1 && list[0].text === at.part)) return close();
    shown = list;
    chosen = -1;
    field.removeAttribute("aria-activedescendant");
    box.replaceChildren(...list.map(option));
    box.hidden = false;
    box.scrollTop = 0;
    field.setAttribute("aria-expanded", "true");
    news.textContent = `${list.length} suggestions. Arrow down to choose.`;
  };
  const option = ({ text, kind, help }, i) => {
    const li = document.createElement("li");
    li.id = `option-${i}`;
    li.setAttribute("role", "option");
    li.setAttribute("aria-selected", "false");
    const note = document.createElement("span");
    note.className = "sub";
    note.textContent = help ? `${kind}: ${help}` : kind;
    li.append(text, note);
    li.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    li.addEventListener("click", () => accept(i));
    return li;
  };

  field.addEventListener("input", () => open(false));
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isOpen = !box.hidden;
    if (event.key === " " && event.ctrlKey) open(true);
    else if (isOpen && event.key === "ArrowDown") choose(chosen + 1);
    else if (isOpen && event.key === "ArrowUp") choose(chosen < 0 ? shown.length - 1 : chosen - 1);
    else if (isOpen && chosen >= 0 && (event.key === "Enter" || event.key === "Tab")) accept(chosen);
    else if (isOpen && event.key === "Escape") close();
    else if (event.key === "Enter" && !event.shiftKey) submit();
    else return;
    event.preventDefault();
  });
}
