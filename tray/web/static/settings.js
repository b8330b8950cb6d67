// Settings that are kept as soon as they are changed.

import { api } from "./page.js";
import { fill, read, wrong } from "./fields.js";

const settings = new Map([...document.querySelectorAll(".setting")].map((field) => [field.dataset.key, field]));
const kept = new Map([...settings].map(([key, field]) => [key, JSON.parse(field.dataset.value)]));

export async function save(key, value) {
  // Keep it; what is wrong is shown beside it. Returns whether it was kept.
  const field = settings.get(key);
  const changed = changes(key, value);
  if (!Object.keys(changed).length) return true;
  try {
    take(await api("settings", { method: "PATCH", json: changed }), key);
  } catch (error) {
    wrong(field, Object.values(error.said?.fields ?? {}).join(" ") || error.message);
    return false;
  }
  wrong(field, "");
  const saved = field.querySelector(".saved");
  saved.textContent = saved.dataset.saved;
  if (key === "language") location.reload();
  field.dispatchEvent(new CustomEvent("kept", { bubbles: true }));
  return true;
}

function changes(key, value) {
  // Of pairs, each is a setting of its own; one that has a name alone is still being typed.
  const field = settings.get(key);
  if (field.dataset.kind !== "pairs") return { [key]: value };
  const before = kept.get(key) ?? {};
  const after = Object.fromEntries(Object.entries(value ?? {}).filter(([, one]) => one !== ""));
  const gone = Object.keys(before).filter((name) => !(name in after));
  const changed = Object.entries(after).filter(([name, one]) => before[name] !== one);
  return Object.fromEntries([...gone.map((name) => [`${key}.${name}`, null]), ...changed.map(([name, one]) => [`${key}.${name}`, one])]);
}

function take(all, changed) {
  // The others are left as they are: something may be wrong with them, or just being typed.
  for (const one of all) {
    const field = settings.get(one.field.key);
    if (!field) continue;
    kept.set(one.field.key, one.value);
    field.querySelector(".reset").hidden = one.source !== "file";
    const source = field.querySelector(".source");
    if (!one.overruled_by) source.textContent = one.source === "file" ? source.dataset.file : "";
    const isTyped = field.dataset.kind === "pairs" && field.contains(document.activeElement);
    if (one.field.key === changed && !isTyped) fill(field, one.value);
  }
}

for (const [key, field] of settings) {
  fill(field, kept.get(key));
  field.addEventListener("change", () => {
    field.querySelector(".saved").textContent = "";
    try {
      save(key, read(field));
    } catch (error) {
      wrong(field, error.message);
    }
  });
  field.querySelector(".reset").addEventListener("click", async () => {
    if (await save(key, null)) field.querySelector(".control, .add").focus();
  });
}
