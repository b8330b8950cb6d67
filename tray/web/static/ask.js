import { api, attempt } from "./page.js";
import { show } from "./request.js";

const form = document.getElementById("ask");
const talk = document.getElementById("talk");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const said = new FormData(form);
  const chosen = form.elements.target.selectedOptions[0];
  attempt(async () => {
    const json = { target: said.get("target") || null, kind: chosen?.dataset.kind ?? "bot", prompt: said.get("prompt") };
    show(await api("requests", { method: "POST", json }), talk);
    form.elements.prompt.value = "";
  });
});
