// An export is tried: pasted, dropped or chosen; looked at; built.

import { api, notice, onClick } from "./page.js";
import { size } from "./measures.js";
import { show } from "./request.js";

const form = document.getElementById("try");
const text = document.getElementById("text");
const note = document.getElementById("file-note");
const preview = document.getElementById("preview");
const busy = document.getElementById("busy");
const build = document.getElementById("build");
const shownMost = 200_000;
let file = null; // what is tried where it is a file: its bytes, as they are

const body = () => file ?? new Blob([text.value]);
const isEmpty = () => !file && !text.value.trim();

async function look() {
  if (isEmpty()) return text.focus();
  busy.textContent = busy.dataset.text;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch("try/preview", { method: "POST", body: body(), headers: { "Content-Type": "text/plain" } });
    if (!answer.ok) throw new Error(answer.headers.get("content-type")?.includes("html") ? answer.statusText : await answer.text());
    preview.innerHTML = await answer.text();
    offer(Boolean(preview.querySelector('[data-can-be-built="yes"]')));
  } catch (error) {
    notice(error.message);
  } finally {
    busy.textContent = "";
    form.removeAttribute("aria-busy");
  }
}

function offer(can) {
  // What to do next is the blue button: to build what was looked at.
  build.disabled = !can;
  build.classList.toggle("main", can);
  form.querySelector("[type=submit]").classList.toggle("main", !can);
}

async function take(chosen) {
  if (!chosen) return;
  file = chosen;
  note.textContent = note.dataset.text.replace("{name}", chosen.name).replace("{size}", size(chosen.size));
  note.hidden = false;
  text.value = chosen.size <= shownMost ? await chosen.text() : "";
  await look();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
text.addEventListener("input", () => {
  file = null;
  note.hidden = true;
  offer(false);
  build.disabled = isEmpty();
});
text.addEventListener("paste", () => setTimeout(look));
document.getElementById("file").addEventListener("change", async (event) => {
  await take(event.target.files[0]);
  event.target.value = ""; // the same file may be chosen again when it was changed
});
onClick(build, async () => {
  const source = encodeURIComponent((file?.name ?? "").slice(0, 200));
  show(await api(`builds?source=${source}`, { method: "POST", body: body() }), document.getElementById("work"));
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return; // a text goes where it is dropped
    event.preventDefault();
    form.classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files[0]);
  });
}
