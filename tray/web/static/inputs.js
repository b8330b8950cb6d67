// A workflow's parameters as a form: each as text or as JSON, from a file where it is long.

import { clone } from "./page.js";

const place = document.getElementById("parameters");
let words;
let tell = () => {};
let made = 0;

export function begin(said, changed) {
  words = said;
  tell = changed;
  const name = document.getElementById("parameter-name");
  const add = () => {
    const wanted = name.value.trim();
    if (!wanted) return name.focus();
    const there = [...place.children].find((one) => one.dataset.name === wanted);
    (there ?? put({ name: wanted, text: "", json: false, saved: false })).querySelector("textarea").focus();
    name.value = "";
    return tell();
  };
  document.getElementById("parameter-add").addEventListener("click", add);
  name.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing) return;
    event.preventDefault();
    add();
  });
  for (const row of place.children) label(row);
}

export function fill(fields) {
  place.replaceChildren();
  fields.forEach(put);
}

export function count() {
  return place.childElementCount;
}

export function json() {
  // An object's JSON text, its values as they were typed: a long number must not lose its end. null: one is wrong.
  const pairs = [];
  let wrong = null;
  for (const row of place.children) {
    const value = row.querySelector("textarea").value;
    const problem = row.querySelector(".bad-words");
    problem.hidden = true;
    if (row.querySelector("select").value === "json") {
      try {
        JSON.parse(value);
      } catch (error) {
        problem.textContent = `${words.json} ${error.message}`;
        problem.hidden = false;
        wrong ??= row;
      }
      pairs.push(`${JSON.stringify(row.dataset.name)}:${value}`);
    } else {
      pairs.push(`${JSON.stringify(row.dataset.name)}:${JSON.stringify(value)}`);
    }
  }
  wrong?.querySelector("textarea").focus();
  return wrong ? null : `{${pairs.join(",")}}`;
}

function put({ name, text, json: isJson, saved }) {
  const row = clone("parameter");
  const value = row.querySelector("textarea");
  row.dataset.name = name;
  value.id = `parameter-${(made += 1)}`;
  value.value = text;
  row.querySelector("label").htmlFor = value.id;
  row.querySelector("label").textContent = name;
  row.querySelector("select").value = isJson ? "json" : "text";
  row.querySelector(".remove").hidden = saved;
  row.querySelector(".remove").addEventListener("click", () => {
    row.remove();
    tell();
  });
  const file = row.querySelector("input");
  row.querySelector(".from-file").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    read(row, file.files[0]);
    file.value = "";
  });
  for (const kind of ["dragover", "drop"]) {
    row.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (kind === "drop") read(row, event.dataTransfer.files[0]);
    });
  }
  place.append(row);
  if (words) label(row);
  return row;
}

function label(row) {
  const { name } = row.dataset;
  row.querySelector("select").setAttribute("aria-label", words.meaning.replace("{name}", name));
  row.querySelector(".from-file").setAttribute("aria-label", words.file.replace("{name}", name));
  row.querySelector(".remove").setAttribute("aria-label", words.remove.replace("{name}", name));
}

async function read(row, file) {
  if (!file) return;
  const problem = row.querySelector(".bad-words");
  const text = decoded(new Uint8Array(await file.arrayBuffer()));
  problem.textContent = text === null ? words.text.replace("{name}", file.name) : "";
  problem.hidden = text !== null;
  if (text === null) return;
  row.querySelector("textarea").value = text;
  row.querySelector("select").value = "text";
}

function decoded(bytes) {
  // As Windows' editors write it, too: UTF-16 with its mark, GB 18030 without one.
  const marks = { "255,254": "utf-16le", "254,255": "utf-16be" };
  const ways = [marks[`${bytes[0]},${bytes[1]}`], "utf-8", "gb18030"].filter(Boolean);
  for (const way of ways) {
    try {
      const text = new TextDecoder(way, { fatal: true }).decode(bytes);
      if (!text.includes("\0")) return text;
    } catch {
      // the next one
    }
  }
  return null;
}
