import { api, attempt, clone } from "./page.js";
import "./settings.js";
import { fill, read, wrong } from "./fields.js";
import "./sign_in.js";
import "./folder.js";

const by = (id) => document.getElementById(id);

// Testing the connection.

const signs = { true: ["✓", "ok"], false: ["✗", "bad"], null: ["·", "unknown"] };
const checkWords = by("check-words").content.firstElementChild.dataset;

by("test").addEventListener("click", () => {
  const state = by("test-state");
  let missing = false;
  by("checks").replaceChildren();
  by("test").disabled = true;
  state.textContent = state.dataset.running;
  const heard = new EventSource("api/v1/checks");
  const end = (text) => {
    heard.close();
    by("test").disabled = false;
    state.textContent = text;
  };
  heard.addEventListener("check", (event) => {
    const check = JSON.parse(event.data);
    const row = clone("check-row");
    const [sign, name] = signs[String(check.ok)];
    row.dataset.ok = name;
    row.querySelector(".sign").textContent = sign;
    row.querySelector(".sign").setAttribute("aria-label", checkWords[name]);
    row.querySelector(".name").textContent = check.name;
    row.querySelector(".text").textContent = check.text;
    row.querySelector(".advice").textContent = check.ok === true ? "" : check.advice;
    by("checks").append(row);
    missing ||= check.ok === false;
  });
  heard.addEventListener("end", () => end(missing ? state.dataset.bad : state.dataset.good));
  heard.addEventListener("error", () => end(state.dataset.away)); // or it would be begun again, which costs calls
});

// Targets.

const words = by("target-words").content.firstElementChild.dataset;
const dialog = by("target-dialog");
const form = by("target-form");
const fields = new Map([...form.querySelectorAll(".field")].map((field) => [field.dataset.key, field]));
let edited = null;

async function list() {
  const targets = await api("targets");
  by("targets").replaceChildren(...Object.entries(targets).map(([name, target]) => row(name, target)));
  by("no-targets").hidden = Object.keys(targets).length > 0;
}

function row(name, target) {
  const made = clone("target-row");
  made.dataset.name = name;
  made.querySelector(".name").textContent = name;
  made.querySelector(".kind").textContent = words[target.kind];
  made.querySelector(".id").textContent = target.id;
  made.querySelector(".prompt").textContent = target.listen ? words.listen.replace("{interval}", target.interval) : target.prompt;
  const edit = made.querySelector(".edit");
  edit.setAttribute("aria-label", words.edit.replace("{name}", name));
  edit.addEventListener("click", () => open(name, target));
  const remove = made.querySelector(".remove");
  remove.setAttribute("aria-label", words.remove.replace("{name}", name));
  remove.addEventListener("click", () => {
    if (!window.confirm(words.sure.replace("{name}", name))) return;
    attempt(async () => {
      await api(`targets/${encodeURIComponent(name)}`, { method: "DELETE" });
      await list();
      by("add-target").focus();
    });
  });
  return made;
}

function open(name, target) {
  edited = name;
  by("target-heading").textContent = name === null ? words.add : words.edit.replace("{name}", name);
  for (const [key, field] of fields) {
    fill(field, key === "name" ? (name ?? "") : target[key]);
    wrong(field, "");
  }
  by("target-wrong").textContent = "";
  adapt();
  dialog.showModal();
}

function adapt() {
  // What a target of this kind has no use for is not shown.
  const kind = read(fields.get("kind"));
  const listens = kind === "workflow" && read(fields.get("listen"));
  for (const [key, field] of fields) {
    const kinds = (field.dataset.for ?? "").split(" ").filter(Boolean);
    const isOfMailbox = key === "interval" || key === "runs_a_day";
    field.hidden = (kinds.length > 0 && !kinds.includes(kind)) || (isOfMailbox && !listens);
  }
  by("cost").textContent = listens ? cost() : "";
}

function cost() {
  const said = read(fields.get("interval")).trim();
  const found = /^(\d+(?:\.\d+)?)\s*([smh])$/.exec(said);
  const seconds = found ? Number(found[1]) * { s: 1, m: 60, h: 3600 }[found[2]] : said === "hold" ? Number(words.holdS) : 0;
  if (!seconds) return "";
  const n = Math.min(Math.floor(86400 / seconds), Number(read(fields.get("runs_a_day"))) || Infinity);
  return words.cost.replace("{n}", n.toLocaleString(document.documentElement.lang));
}

form.addEventListener("input", adapt);
fields.get("id").addEventListener("change", () => attempt(async () => {
  // The address of a bot or workflow may have been pasted.
  const found = await api("pasted", { method: "POST", json: { text: read(fields.get("id")) } });
  fill(fields.get("id"), found.id);
  if (found.kind && !(found.kind === "workflow" && read(fields.get("kind")) === "chatflow")) fill(fields.get("kind"), found.kind);
  if (found.region && found.region !== JSON.parse(document.querySelector("[data-key=region].setting").dataset.value)) fill(fields.get("region"), found.region);
  if (found.app_id) fill(fields.get("app_id"), found.app_id);
  adapt();
}));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    for (const field of fields.values()) wrong(field, "");
    by("target-wrong").textContent = "";
    try {
      const json = Object.fromEntries([...fields].filter(([key, field]) => key === "name" || !field.hidden).map(([key, field]) => [key, read(field)]));
      await (edited === null ? api("targets", { method: "POST", json }) : api(`targets/${encodeURIComponent(edited)}`, { method: "PUT", json }));
    } catch (error) {
      refused(error);
      return;
    }
    dialog.close();
    await list();
  });
});

function refused(error) {
  const wrongs = Object.entries(error.said?.fields ?? {});
  const known = wrongs.filter(([key]) => fields.has(key));
  for (const [key, why] of known) {
    wrong(fields.get(key), why);
    if (by("target-more").contains(fields.get(key))) by("target-more").open = true;
  }
  if (known.length < wrongs.length || !wrongs.length) by("target-wrong").textContent = error.message;
  if (known.length) fields.get(known[0][0]).querySelector(".control, .add").focus();
}

by("add-target").addEventListener("click", () => open(null, { kind: "bot", interval: "60s", runs_a_day: 1500 }));
by("target-cancel").addEventListener("click", () => dialog.close());
attempt(list);

// Starting at login.

by("login").addEventListener("change", () => attempt(async () => {
  const box = by("login");
  const wanted = box.checked;
  box.checked = !wanted; // until it is so
  const found = await api("autostart", { method: "PUT", json: { on: wanted } });
  box.checked = found.on;
  by("login-where").textContent = found.other ? by("login-where").dataset.other.replace("{where}", found.where) : "";
}));
