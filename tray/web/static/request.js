// Requests as cards, kept as the stream tells of them.

import { api, attempt, clone, on } from "./page.js";

const cards = new Map();
const words = document.getElementById("words").content.firstElementChild.dataset;

export function show(request, place) {
  // Puts the request's card into `place`, or brings the one that is there up to date. Returns the card.
  let card = cards.get(request.id);
  if (!card) {
    card = clone("request-card");
    card.dataset.id = request.id;
    cards.set(request.id, card);
    place.append(card);
    card.querySelector(".cancel").addEventListener("click", () => attempt(() => api(`requests/${request.id}/cancel`, { method: "POST" })));
    card.querySelector(".again").addEventListener("click", () => attempt(async () => show(await api(`requests/${request.id}/again`, { method: "POST" }), place)));
    card.querySelector(".question").addEventListener("submit", (event) => {
      event.preventDefault();
      answer(card, new FormData(event.target).get("answer"));
    });
  }
  fill(card, request);
  return card;
}

function fill(card, request) {
  const part = (name) => card.querySelector(name);
  part(".title").textContent = request.title;
  part(".state").textContent = request.state_text;
  card.dataset.state = request.state;
  part(".asked").textContent = request.prompt === request.title ? "" : request.prompt;
  part(".answer").textContent = request.text;
  part(".calls").replaceChildren(...request.calls.map(callCard));
  part(".drafts").replaceChildren(...request.drafts.map(draftCard));
  showQuestion(card, request.question);
  part(".failure").hidden = !request.failure;
  if (request.failure) {
    for (const name of ["message", "advice", "logid"]) part(`.failure .${name}`).textContent = request.failure[name];
  }
  part(".cancel").hidden = ["done", "failed", "cancelled"].includes(request.state);
  part(".again").hidden = !request.can_run_again;
}

function callCard(call) {
  const card = clone("call-card");
  card.dataset.state = call.ok === null ? "running" : call.ok ? "done" : "failed";
  card.querySelector(".name").textContent = call.tool;
  if (call.ok === null && call.total) {
    const bar = card.querySelector("progress");
    bar.hidden = false;
    bar.max = call.total;
    bar.value = call.done;
    card.querySelector(".count").textContent = words.media.replace("{done}", call.done).replace("{total}", call.total);
  } else {
    card.querySelector(".count").textContent = words[card.dataset.state];
  }
  card.querySelector(".message").textContent = call.ok === false ? call.message : "";
  return card;
}

function draftCard(draft) {
  const card = clone("draft-card");
  const name = card.querySelector(".name");
  name.textContent = draft.name;
  name.href = `drafts/${encodeURIComponent(draft.path.split(/[\\/]/).pop())}`;
  card.querySelector(".facts").textContent = `${Math.round(draft.duration_us / 1e6)} s`;
  card.querySelector(".warnings").replaceChildren(...draft.warnings.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  return card;
}

function showQuestion(card, question) {
  const form = card.querySelector(".question");
  form.hidden = !question;
  if (!question || form.dataset.question === question.question_id) return;
  form.dataset.question = question.question_id;
  form.querySelector(".text").textContent = question.text;
  const page = form.querySelector(".page");
  page.hidden = !question.url.startsWith("https://");
  if (!page.hidden) page.querySelector("a").href = question.url;
  form.querySelector(".options").replaceChildren(
    ...question.options.map((option) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: option });
      button.addEventListener("click", () => answer(card, option));
      return button;
    }),
  );
  form.querySelector(".own").hidden = question.options.length > 0;
}

function answer(card, text) {
  const question_id = card.querySelector(".question").dataset.question;
  attempt(() => api(`requests/${card.dataset.id}/answer`, { method: "POST", json: { question_id, text } }));
}

on("request", (request) => cards.has(request.id) && fill(cards.get(request.id), request));
on("text", ({ request_id, at, delta }) => {
  const shown = cards.get(request_id)?.querySelector(".answer");
  if (shown) shown.textContent = shown.textContent.slice(0, at) + delta;
});
