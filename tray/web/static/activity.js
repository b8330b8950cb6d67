// What the program does: its requests and their history, the queue, the mailboxes, and whether it listens.

import { api, attempt, clone, on } from "./page.js";
import { begin as beginLog } from "./log.js";
import { when } from "./measures.js";
import { show, target } from "./request.js";

const byId = (id) => document.getElementById(id);
const words = byId("activity-words").content.firstElementChild.dataset;
const filter = byId("filter");
const entries = byId("entries");
const rows = new Map();
const PAGE = 30;
const MAILBOXES_EVERY_MS = 10000;
let asked = 0;
let later;

async function load(before = "") {
  // The requests that the filter lets through: those of now, or those made before one of them.
  const said = new FormData(filter);
  const query = new URLSearchParams({ limit: PAGE, before, target: said.get("target"), text: said.get("text").trim() });
  for (const state of said.get("state").split(" ").filter(Boolean)) query.append("state", state);
  const number = (asked += 1);
  const found = await attempt(() => api(`requests?${query}`));
  if (!found || number !== asked) return; // another filter was chosen meanwhile
  if (!before) {
    const kept = new Set(found.map((one) => one.id));
    for (const [id, row] of rows) if (!kept.has(id)) drop(id, row);
    entries.prepend(...found.map(put));
  } else {
    entries.append(...found.map(put));
  }
  byId("earlier").hidden = found.length < PAGE;
  byId("none").hidden = entries.childElementCount > 0;
}

function drop(id, row) {
  rows.delete(id);
  row.remove();
}

function matches(request) {
  // Whether the filter lets it through, as Search.requests has it; of a tool call, what it was called with is not told.
  const said = new FormData(filter);
  const [state, target, text] = ["state", "target", "text"].map((name) => said.get(name).trim());
  const { id, target: name, target_id, prompt, parameters, failure } = request;
  const held = [id, request.text, failure?.message, prompt, JSON.stringify(parameters), name, target_id];
  return (
    (!state || state.split(" ").includes(request.state)) &&
    (!target || [name, target_id].includes(target)) &&
    held.some((one) => one?.toLowerCase().includes(text.toLowerCase()))
  );
}

function take(request) {
  // What has just happened to it: only its own row comes, changes or goes.
  const row = rows.get(request.id);
  if (!matches(request)) {
    if (row) drop(request.id, row);
  } else if (row) {
    put(request);
  } else {
    const earlier = [...entries.children].find((one) => one.request.created_us < request.created_us);
    if (earlier || byId("earlier").hidden) entries.insertBefore(put(request), earlier ?? null);
  }
  byId("none").hidden = entries.childElementCount > 0;
}

function soon(after = 250) {
  clearTimeout(later);
  later = setTimeout(load, after);
}

function put(request) {
  let row = rows.get(request.id);
  if (!row) {
    row = clone("entry");
    rows.set(request.id, row);
    row.addEventListener("toggle", () => row.open && inside(row));
  }
  if (row.request?.as_of_us > request.as_of_us) return row;
  row.request = request;
  row.dataset.state = request.state;
  row.dataset.running = request.running;
  row.querySelector(".title").textContent = request.title;
  row.querySelector(".target").textContent = target(request);
  row.querySelector(".state").textContent = request.state_text;
  const time = row.querySelector("time");
  time.textContent = when(request.created_us);
  time.dateTime = new Date(request.created_us / 1000).toISOString();
  if (row.open) inside(row);
  return row;
}

function inside(row) {
  show(row.request, row.querySelector(".inside"));
  row.querySelector(".history").replaceChildren(
    ...inOne(row.request.history).map(({ at_us, text, n }) => {
      const time = Object.assign(document.createElement("time"), { textContent: when(at_us, true) });
      const moment = document.createElement("li");
      moment.append(time, n > 1 ? ` ${text} × ${n}` : ` ${text}`);
      return moment;
    }),
  );
}

function inOne(moments) {
  // What happened again and again, as calls of a tool do, is said once, with how often.
  const said = [];
  for (const one of moments) {
    if (said.at(-1)?.text === one.text) said.at(-1).n += 1;
    else said.push({ ...one, n: 1 });
  }
  return said;
}

async function showQueue(ids) {
  byId("queue").hidden = !ids.length;
  const waiting = await Promise.all(ids.slice(0, PAGE).map((id) => rows.get(id)?.request ?? api(`requests/${id}`).catch(() => null)));
  byId("queued").replaceChildren(
    ...waiting.filter(Boolean).map((request, n) => {
      const row = clone("waiting");
      row.querySelector(".title").textContent = request.title;
      for (const deed of ["first", "cancel"]) {
        const button = row.querySelector(`.${deed}`);
        button.setAttribute("aria-label", words[deed].replace("{title}", request.title));
        button.addEventListener("click", () => attempt(() => api(`requests/${request.id}/${deed}`, { method: "POST" })));
      }
      row.querySelector(".first").hidden = n === 0;
      return row;
    }),
  );
}

async function showMailboxes() {
  if (document.hidden) return;
  const found = await api("mailboxes").catch(() => []); // what is wrong is said at the top
  byId("mailboxes").replaceChildren(
    ...found.map((one) => {
      const row = clone("mailbox");
      row.dataset.state = one.state;
      row.querySelector(".name").textContent = one.name;
      row.querySelector(".state").textContent = one.state_text;
      row.querySelector(".detail").textContent = one.detail;
      const facts = [words.runs.replace("{n}", one.runs_today).replace("{most}", one.runs_a_day)];
      if (one.interval_s !== null) facts.unshift(words.every.replace("{n}", one.interval_s));
      if (one.unfinished) facts.push(words.unfinished.replace("{n}", one.unfinished));
      row.querySelector(".facts").textContent = facts.join(" · ");
      return row;
    }),
  );
}

async function listen(switched) {
  const said = await api("listening", { method: "POST", json: switched });
  if (!said.cuts) return showListening(said.listening);
  byId("cut").showModal();
  return undefined;
}

function showListening(is) {
  const button = byId("listening");
  button.dataset.on = is;
  button.textContent = is ? button.dataset.stop : button.dataset.start;
  showMailboxes();
}

byId("listening").addEventListener("click", (event) => attempt(() => listen({ on: event.target.dataset.on !== "true" })));
byId("cut").addEventListener("close", () => byId("cut").returnValue === "cut" && attempt(() => listen({ on: false, cut: true })));
byId("earlier").addEventListener("click", () => load(entries.lastElementChild.request.id));
filter.addEventListener("input", () => soon());
filter.addEventListener("submit", (event) => {
  event.preventDefault();
  soon(0);
});
on("status", (status) => showListening(status.listening));
on("request", take);
on("back", () => soon(0));
on("queue", showQueue);
document.addEventListener("asked", (event) => {
  event.preventDefault();
  take(event.detail);
});
setInterval(showMailboxes, MAILBOXES_EVERY_MS);
for (const [name, value] of new URLSearchParams(location.search)) {
  const field = filter.elements.namedItem(name);
  if (field) field.value = value;
}
beginLog();
load();
