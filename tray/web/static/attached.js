// The files that go along with a prompt: dropped, pasted or chosen, uploaded at once, shown as chips.

import { api, clone } from "./page.js";

const MOST = 20;
const LARGEST = 64e6;
const chips = document.getElementById("chips");
let tell = () => {};

export function begin(form, words, changed, wanted, problem) {
  // `changed` is called when there are others; `wanted()` tells whether files can go along; `problem` shows what is wrong.
  tell = changed;
  const chooser = document.getElementById("files");
  const add = (files) => {
    for (const file of files) put(file, words, problem);
  };
  document.getElementById("choose").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    add(chooser.files);
    chooser.value = "";
  });
  form.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    // Excel and Word give a picture of the text that is copied, beside it. (Finder gives a file's name, as plain text.)
    const isText = ["text/plain", "text/html"].every((kind) => event.clipboardData.types.includes(kind));
    if (!files.length || isText) return;
    event.preventDefault();
    if (wanted()) add(files);
    else problem(words.apart);
  });
  for (const kind of ["dragover", "drop"]) {
    // A file that is dropped beside the form would take the page's place.
    window.addEventListener(kind, (event) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      form.classList.toggle("dropping", kind === "dragover" && wanted());
      if (kind !== "drop") return;
      if (wanted()) add(event.dataTransfer.files);
      else problem(words.apart);
    });
  }
  window.addEventListener("dragleave", () => form.classList.remove("dropping"));
  for (const { id, name } of JSON.parse(form.dataset.files)) chip(name, words).dataset.id = id;
}

export function ids() {
  return [...chips.children].map((one) => one.dataset.id);
}

export function adding() {
  return [...chips.children].some((one) => !one.dataset.id);
}

export function clear() {
  chips.replaceChildren();
}

async function put(file, words, problem) {
  problem("");
  if (chips.childElementCount >= MOST) return problem(words.many);
  if (file.size > LARGEST) return problem(words.large.replace("{name}", file.name));
  const shown = chip(file.name, words);
  if (file.type.startsWith("image/")) {
    const picture = shown.querySelector("img");
    picture.src = URL.createObjectURL(file);
    picture.hidden = false;
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
    picture.addEventListener("error", () => (picture.hidden = true), { once: true });
  }
  tell();
  try {
    const body = new FormData();
    body.append("file", file, file.name);
    shown.dataset.id = (await api("uploads", { method: "POST", body })).id;
    shown.querySelector("progress").remove();
  } catch (error) {
    shown.remove();
    problem(error.message);
  }
  return tell();
}

function chip(name, words) {
  const shown = clone("chip");
  shown.querySelector(".name").textContent = name;
  const remove = shown.querySelector(".remove");
  remove.setAttribute("aria-label", words.remove.replace("{name}", name));
  remove.addEventListener("click", () => {
    shown.remove();
    tell();
    document.getElementById("choose").focus();
  });
  chips.append(shown);
  return shown;
}
