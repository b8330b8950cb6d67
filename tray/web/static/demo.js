// The demo's draft: begun, followed, shown.

import { api, attempt, on } from "./page.js";
import { show } from "./request.js";

const by = (id) => document.getElementById(id);
const place = by("demo-request");
let current = place.dataset.last;

function follow(request) {
  show(request, place);
  by("demo").disabled = "noFolder" in by("demo").dataset || !["done", "failed", "cancelled"].includes(request.state);
  by("demo-done").hidden = request.state !== "done" || !request.drafts.length;
  by("demo").classList.toggle("main", by("demo-done").hidden);
  if (by("demo-done").hidden) return;
  const cover = `guide/cover/${encodeURIComponent(request.id)}`;
  if (by("demo-cover").getAttribute("src") !== cover) by("demo-cover").src = cover;
  document.dispatchEvent(new Event("demo"));
}

const look = async () => follow(await api(`requests/${encodeURIComponent(current)}`));

on("request", (request) => request.id === current && follow(request));

by("demo").addEventListener("click", () => attempt(async () => {
  place.replaceChildren();
  by("demo").disabled = true;
  by("demo-done").hidden = true;
  try {
    current = (await api("demo", { method: "POST" })).id;
  } catch (error) {
    by("demo").disabled = false;
    throw error;
  }
  await look(); // it may be done already: what was told before its id was known was not heard
}));

by("demo-open").addEventListener("click", () => attempt(() => api(`demo/${encodeURIComponent(current)}/open`, { method: "POST" })));

if (current) attempt(look);
