// The form that asks, and the conversation above it.

import { api, attempt, on } from "./page.js";
import * as attached from "./attached.js";
import * as inputs from "./inputs.js";
import { isOver, known, show } from "./request.js";

const byId = (id) => document.getElementById(id);
const form = byId("ask");
const talk = byId("talk");
const words = byId("ask-words").content.firstElementChild.dataset;
let last = null; // the request that the conversation has come to

function chosen() {
  return form.elements.target.selectedOptions[0];
}

function waits() {
  // Coze takes one prompt at a time in a conversation.
  return last !== null && !isOver(last) && ["bot", "chatflow"].includes(last.kind);
}

function goesOn() {
  return waits() || last?.can_continue;
}

function takesFiles() {
  // To a workflow or chatflow, a file is one of its inputs.
  return chosen().dataset.kind === "bot";
}

function showForm() {
  // The form for who is asked.
  const { kind } = chosen().dataset;
  const runs = kind === "workflow";
  byId("prompt-part").hidden = runs;
  for (const name of ["choose", "chips", "drop"]) byId(name).hidden = !takesFiles();
  byId("keys").hidden = runs;
  byId("send").textContent = runs ? byId("send").dataset.run : byId("send").dataset.ask;
  placeholder();
  byId("parameters-part").hidden = kind === "bot" && !inputs.count();
  byId("parameters-part").open = runs || inputs.count() > 0;
}

function placeholder() {
  const field = form.elements.prompt;
  const { prompt } = chosen().dataset;
  const saved = prompt && words.saved.replace("{prompt}", prompt);
  field.placeholder = goesOn() ? field.dataset.further : saved || form.dataset.example;
}

function showThread() {
  const again = Boolean(goesOn());
  byId("goes-on").hidden = !talk.childElementCount;
  byId("goes-on").firstElementChild.hidden = !again;
  form.elements.target.disabled = again;
  byId("wait").hidden = !waits();
  byId("send").disabled = waits() || attached.adding();
  placeholder();
  document.body.classList.toggle("talks", talk.childElementCount > 0);
}

function nowAt(request) {
  // The conversation has come to that request.
  last = request;
  if (goesOn()) choose(request);
  history.replaceState(null, "", `?request=${encodeURIComponent(request.id)}`);
  showThread();
}

function choose(request) {
  const options = [...form.elements.target.options];
  const found = options.find((one) => one.dataset.kind === request.kind && [request.target, request.target_id].includes(one.value));
  const bot = options.find((one) => one.dataset.kind === request.kind && one.value === "" && one.textContent.includes(request.target_id));
  let option = found ?? bot;
  if (!option) {
    option = new Option(request.target, request.target_id);
    Object.assign(option.dataset, { kind: request.kind, prompt: "", fields: "[]" });
    form.elements.target.add(option);
  }
  if (option.selected) return;
  option.selected = true;
  inputs.fill(JSON.parse(option.dataset.fields));
  showForm();
}

function problem(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

async function send() {
  problem("");
  const option = chosen();
  const { kind } = option.dataset;
  const prompt = kind === "workflow" ? "" : form.elements.prompt.value;
  if (kind !== "workflow" && !prompt.trim() && !option.dataset.prompt) {
    problem(words.prompt);
    form.elements.prompt.focus();
    return;
  }
  const parameters = inputs.json(); // null: one of them is wrong, which is said there
  if (parameters === null || byId("send").disabled) return;
  const rest = {
    target: option.value || null,
    kind,
    prompt,
    files: takesFiles() ? attached.ids() : [],
    continues: last?.can_continue ? last.id : null,
  };
  byId("send").disabled = true;
  try {
    const json = `${JSON.stringify(rest).slice(0, -1)},"parameters":${parameters}}`;
    const request = await api("requests", { method: "POST", json });
    show(request, talk).scrollIntoView({ block: "nearest" });
    if (kind !== "workflow") {
      form.elements.prompt.value = "";
      if (takesFiles()) attached.clear();
    }
    nowAt(request);
  } catch (error) {
    problem(error.message);
  } finally {
    showThread();
  }
}

function anew() {
  for (const card of [...talk.children]) {
    if (isOver(card.request)) card.remove();
    else other(card.request);
  }
  last = null;
  history.replaceState(null, "", document.baseURI);
  showThread();
  form.elements.prompt.focus();
}

function other(request) {
  // One that runs, but not in this conversation.
  show(request, byId("others-list"));
  byId("others").hidden = false;
}

async function open() {
  const id = new URLSearchParams(location.search).get("request");
  const running = api("requests?state=queued&state=running&state=waiting&limit=20");
  if (id) {
    await attempt(async () => {
      for (const request of await api(`requests/${encodeURIComponent(id)}/conversation`)) {
        show(request, talk);
        last = request;
      }
      if (form && last) nowAt(last);
      talk.lastElementChild?.scrollIntoView({ block: "nearest" });
    });
  }
  await attempt(async () => {
    for (const request of (await running).reverse()) if (!known(request.id)) other(request);
  });
}

on("request", (request) => {
  if (last?.id === request.id && form) {
    last = request;
    if (goesOn()) choose(request);
    showThread();
  }
});

document.addEventListener("asked", (event) => {
  event.preventDefault();
  show(event.detail, talk).scrollIntoView({ block: "nearest" });
  if (form) nowAt(event.detail);
});

if (form) {
  form.dataset.example = form.elements.prompt.placeholder;
  byId("keys").querySelector("kbd").textContent = words.keys.replace("{keys}", /Mac/.test(navigator.platform) ? "⌘ Enter" : "Ctrl + Enter");
  inputs.fill(JSON.parse(chosen().dataset.fields));
  attached.begin(form, words, showThread, takesFiles, problem);
  inputs.begin(words, showForm);
  showForm();
  form.elements.target.addEventListener("change", () => {
    inputs.fill(JSON.parse(chosen().dataset.fields));
    showForm();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
      event.preventDefault();
      send();
    }
  });
  byId("anew").addEventListener("click", anew);
}
open();
