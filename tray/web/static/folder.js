// The drafts folder: chosen, and tested.

import { api, attempt } from "./page.js";

const by = (id) => document.getElementById(id);
const form = by("folder-form");
const words = by("folder-words").content.firstElementChild.dataset;
const own = by("folder-own");

function wanted() {
  const said = new FormData(form).get("folder");
  return said === "*" ? own.value.trim() : said;
}

function show(folder) {
  by("folder-path").textContent = folder.path ?? words.none;
  by("folder-why").textContent = folder.path ? words.why.replace("{app}", folder.app).replace("{why}", folder.why) : "";
  by("folder-problem").textContent = folder.problem;
  document.dispatchEvent(new CustomEvent("folder", { detail: folder }));
}

function wrong(text) {
  by("folder-wrong").textContent = text;
  own.setAttribute("aria-invalid", text ? "true" : "false");
}

async function send(path, method, said) {
  by("folder-said").textContent = "";
  wrong("");
  await attempt(async () => {
    try {
      const folder = await api(path, { method, json: { path: wanted() || null } });
      if (method === "PUT") show(folder);
      by("folder-said").textContent = by("folder-said").dataset[said];
    } catch (error) {
      const text = error.said?.fields?.drafts_dir;
      if (!text) throw error;
      wrong(text);
    }
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send("drafts-folder", "PUT", "saved");
});
by("folder-test").addEventListener("click", () => send("drafts-folder/test", "POST", "tested"));
own.addEventListener("input", () => {
  form.querySelector("[value='*']").checked = true;
});
