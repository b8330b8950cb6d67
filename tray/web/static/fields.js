// Fields of forms, as templates/fields.html makes them: read, filled in, and told what is wrong.

import { clone } from "./page.js";
import { size } from "./measures.js";

const words = document.getElementById("field-words").content.firstElementChild.dataset;

export function read(field) {
  // The field's value as JSON has it. Throws an Error for people where it is none.
  const control = field.querySelector(".control");
  switch (field.dataset.kind) {
    case "switch":
      return control.checked;
    case "number":
      return control.value === "" ? "" : Number(control.value);
    case "lines":
      return control.value.split("\n").map((line) => line.trim()).filter(Boolean);
    case "pairs":
      return Object.fromEntries([...field.querySelectorAll(".pair")].map(pair).filter(([name]) => name));
    default:
      return control.value;
  }
}

function pair(row) {
  const name = row.querySelector(".name").value.trim();
  const value = row.querySelector(".value").value;
  if (!row.querySelector(".is-json").checked) return [name, value];
  try {
    return [name, JSON.parse(value)];
  } catch {
    throw new Error(`${name}: ${words.json}`);
  }
}

export function fill(field, value) {
  const control = field.querySelector(".control");
  switch (field.dataset.kind) {
    case "switch":
      control.checked = Boolean(value);
      break;
    case "lines":
      control.value = (value ?? []).join("\n");
      break;
    case "pairs":
      field.querySelector(".rows").replaceChildren();
      for (const [name, one] of Object.entries(value ?? {})) addPair(field, name, one);
      break;
    default:
      control.value = value ?? "";
      sayBytes(field);
  }
}

function sayBytes(field) {
  // So many bytes are no number for people.
  const said = field.querySelector(".readable");
  if (!said) return;
  const { valueAsNumber: bytes } = field.querySelector(".control");
  said.value = bytes > 0 ? `≈ ${size(bytes)}` : "";
}

export function addPair(field, name = "", value = "") {
  const row = clone("pair-row");
  const isText = typeof value === "string";
  row.querySelector(".name").value = name;
  row.querySelector(".value").value = isText ? value : JSON.stringify(value);
  row.querySelector(".is-json").checked = !isText;
  row.querySelector(".json").hidden = Boolean(field.querySelector(".pairs").dataset.texts);
  row.querySelector(".drop").addEventListener("click", () => {
    const next = row.nextElementSibling?.querySelector(".name") ?? field.querySelector(".add");
    row.remove();
    next.focus();
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
  field.querySelector(".rows").append(row);
  return row;
}

export function wrong(field, text) {
  // "" for nothing wrong.
  field.querySelector(".wrong").textContent = text;
  for (const control of field.querySelectorAll(".control, .pair input")) control.setAttribute("aria-invalid", text ? "true" : "false");
}

for (const said of document.querySelectorAll(".readable")) {
  const field = said.closest(".field");
  field.addEventListener("input", () => sayBytes(field));
}
for (const button of document.querySelectorAll(".pairs > .add")) {
  button.addEventListener("click", () => addPair(button.closest(".field")).querySelector(".name").focus());
}
