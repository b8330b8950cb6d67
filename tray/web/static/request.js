// Requests as cards, kept as the stream tells of them.

import { api, attempt, clone, notice, on, onClick } from "./page.js";
import { marked } from "./marked.js";
import { length, size, span, when } from "./measures.js";

const cards = new Map();
const told = new Map(); // what was last told of requests that have no card yet
const TOLD = 50;
const words = document.getElementById("words").content.firstElementChild.dataset;
const OVER = ["done", "failed", "cancelled"];

export const isOver = (request) => OVER.includes(request.state);

// Of a tool that is called here: which one stands on the call's own line, where it came from in the title.
const isCall = (request) => ["call", "item"].includes(request.kind);

export function target(request) {
  // What it is asked of, "" where that says nothing new.
  const isSaid = request.target === request.target_id || (isCall(request) && request.title.includes(request.target));
  return isSaid ? "" : request.target;
}

export function show(request, place) {
  // Puts the request's card into `place`, or brings the one that is there up to date. Returns the card.
  let card = cards.get(request.id);
  const before = told.get(request.id);
  if (before?.as_of_us > request.as_of_us) request = before; // it was told before it was answered
  if (!card) {
    card = made(request);
    cards.set(request.id, card);
  }
  if (card.parentElement !== place) place.append(card);
  fill(card, request);
  return card;
}

export function known(id) {
  // What was last told of a request that has a card here.
  return cards.get(id)?.request;
}

function made(request) {
  const card = clone("request-card");
  const path = `requests/${encodeURIComponent(request.id)}`;
  card.dataset.id = request.id;
  const click = (name, work) => onClick(card.querySelector(name), work);
  click(".cancel", () => api(`${path}/cancel`, { method: "POST" }));
  click(".first", () => api(`${path}/first`, { method: "POST" }));
  click(".again", async () => {
    const again = await api(`${path}/again`, { method: "POST" });
    // A page that has another place for it says so.
    if (!document.dispatchEvent(new CustomEvent("asked", { detail: again, cancelable: true }))) return;
    show(again, card.parentElement).scrollIntoView({ block: "nearest" });
  });
  card.querySelector(".change").href = `?again=${encodeURIComponent(request.id)}`;
  card.querySelector(".go-on").href = `?request=${encodeURIComponent(request.id)}`;
  card.querySelector(".question").addEventListener("submit", (event) => {
    event.preventDefault();
    answer(card, new FormData(event.target).get("answer"));
  });
  const about = card.querySelector(".about");
  about.querySelector(".target").textContent = target(request);
  const time = about.querySelector("time");
  time.dateTime = new Date(request.created_us / 1000).toISOString();
  time.textContent = when(request.created_us);
  card.querySelector(".title").textContent = request.prompt || (request.can_change ? request.target : request.title);
  card.querySelector(".sent").replaceChildren(...request.files.map((file) => item(file.name, "chip")));
  const inputs = isCall(request) ? [] : Object.entries(request.parameters).map(([name, value]) => pair(name, typeof value === "string" ? value : JSON.stringify(value)));
  card.querySelector(".parameters").replaceChildren(...inputs);
  return card;
}

function fill(card, request) {
  if (card.request?.as_of_us > request.as_of_us) return;
  const part = (name) => card.querySelector(name);
  const changed = card.request && card.request.state_text !== request.state_text;
  card.request = request;
  card.dataset.state = request.state;
  card.dataset.running = request.running;
  part(".state").textContent = request.state_text;
  showPlace(card, request.queue_place);
  again(part(".notices"), request.notices, (text) => item(text));
  if (card.text !== request.text) showText(card, request.text);
  const saidBelow = (call) => request.failure && call.message.startsWith(request.failure.message);
  again(part(".calls"), request.calls.map((call) => (saidBelow(call) ? { ...call, message: "" } : call)), callCard);
  again(part(".drafts"), request.drafts, draftCard);
  showQuestion(card, request.question);
  part(".failure").hidden = !request.failure;
  if (request.failure) {
    for (const name of ["message", "advice"]) part(`.failure .${name}`).textContent = request.failure[name];
    part(".failure .logid").textContent = request.failure.logid && `logid ${request.failure.logid}`;
  }
  part(".cancel").hidden = isOver(request);
  part(".again").hidden = !request.can_run_again;
  part(".change").hidden = !(isOver(request) && request.can_change);
  part(".go-on").hidden = !request.can_continue;
  if (changed) document.getElementById("said").textContent = words.said.replace("{title}", request.title).replace("{state}", request.state_text);
}

function again(place, values, make) {
  // What has not changed stays: it may be looked at, or have the focus.
  const text = JSON.stringify(values);
  if (place.made === text) return;
  place.made = text;
  place.replaceChildren(...values.map(make));
}

function showPlace(card, place) {
  card.querySelector(".place").textContent = place ? words.place.replace("{n}", place) : "";
  card.querySelector(".first").hidden = !place || place === 1;
}

function showText(card, text) {
  card.text = text;
  if (card.drawing) return;
  card.drawing = requestAnimationFrame(() => {
    card.drawing = 0;
    card.querySelector(".answer").replaceChildren(marked(card.text));
  });
}

function callCard(call) {
  const card = clone("call-card");
  card.dataset.state = call.ok === null ? "running" : call.ok ? "done" : "failed";
  card.querySelector(".what").textContent = call.text;
  card.querySelector(".name").textContent = call.tool;
  if (call.ok === null && call.total) {
    const bar = card.querySelector("progress");
    const count = words.media.replace("{done}", call.done).replace("{total}", call.total);
    bar.hidden = false;
    bar.max = call.total;
    bar.value = call.done;
    bar.setAttribute("aria-label", count);
    card.querySelector(".count").textContent = `${count} · ${size(call.received_bytes)}`;
  }
  card.querySelector(".message").textContent = call.ok === false ? call.message : "";
  return card;
}

function draftCard(draft) {
  const card = clone("draft-card");
  const name = card.querySelector(".name");
  const cover = card.querySelector(".cover");
  const pieces = Object.values(draft.segments).reduce((sum, n) => sum + n, 0);
  name.textContent = draft.name;
  name.href = cover.href = `drafts/${draft.key}`;
  cover.firstElementChild.addEventListener("error", () => cover.remove());
  cover.firstElementChild.src = `drafts/${draft.key}/cover`;
  card.querySelector(".facts").textContent = [span(draft.duration_us), counted(pieces, words.segment, words.segments), size(draft.media_bytes)].join(" · ");
  card.querySelector(".warned").hidden = !draft.warnings.length;
  card.querySelector(".warned summary").textContent = counted(draft.warnings.length, words.warning, words.warnings);
  card.querySelector(".warnings").replaceChildren(...draft.warnings.map((text) => item(text)));
  for (const button of card.querySelectorAll("[data-open]")) {
    onClick(button, async () => {
      const { opened } = await api(`drafts/${draft.key}/open`, { method: "POST", json: { what: button.dataset.open } });
      if (!opened) notice(words.missing);
    });
  }
  return card;
}

const counted = (n, one, many) => (n === 1 ? one : many).replace("{n}", n);

function showQuestion(card, question) {
  const form = card.querySelector(".question");
  form.hidden = !question;
  if (!question || form.dataset.question === question.question_id) return;
  form.dataset.question = question.question_id;
  form.querySelector(".problem").hidden = true;
  form.querySelector(".text").textContent = question.text;
  const page = form.querySelector(".page");
  page.hidden = !/^https?:\/\//.test(question.url);
  if (!page.hidden) {
    page.querySelector("a").href = question.url;
    page.querySelector(".host").textContent = new URL(question.url).host;
  }
  form.querySelector(".options").replaceChildren(
    ...question.options.map((option) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: option });
      button.addEventListener("click", () => answer(card, option));
      return button;
    }),
  );
  form.querySelector(".own").hidden = question.options.length > 0;
  form.elements.answer.value = "";
}

async function answer(card, text) {
  // What is refused stands beside the answer, which stays.
  const form = card.querySelector(".question");
  const problem = form.querySelector(".problem");
  problem.hidden = true;
  try {
    await api(`requests/${card.dataset.id}/answer`, { method: "POST", json: { question_id: form.dataset.question, text } });
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

function item(text, name = "") {
  return Object.assign(document.createElement("li"), { textContent: text, className: name });
}

function pair(name, value) {
  const made = document.createElement("div");
  made.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: value }));
  return made;
}

function tell(request) {
  const card = cards.get(request.id);
  if (card) {
    told.delete(request.id);
    fill(card, request);
    return;
  }
  told.set(request.id, request);
  if (told.size > TOLD) told.delete(told.keys().next().value);
}

async function catchUp(card) {
  // Something was not heard.
  if (card.catchingUp) return;
  card.catchingUp = true;
  await attempt(async () => tell(await api(`requests/${encodeURIComponent(card.dataset.id)}`)));
  card.catchingUp = false;
}

on("request", tell);
on("text", ({ request_id, at, delta }) => {
  const card = cards.get(request_id);
  if (!card) return;
  const text = card.text ?? "";
  // `at` counts characters, of which one may be two of JavaScript's.
  if (length(text) < at) catchUp(card);
  else showText(card, (length(text) === at ? text : Array.from(text).slice(0, at).join("")) + delta);
});
let behind = true;
on("back", () => (behind = true));
on("status", () => {
  // The first one of a stream: from now on all is told, but what happened before was not.
  if (!behind) return;
  behind = false;
  for (const card of cards.values()) {
    if (!card.isConnected || isOver(card.request)) continue;
    catchUp(card);
  }
});
on("queue", (ids) => {
  for (const [id, card] of cards) showPlace(card, ids.indexOf(id) + 1);
});
