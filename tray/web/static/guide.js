import { api, attempt, on } from "./page.js";

const by = (id) => document.getElementById(id);
const step = document.querySelector(".guide").dataset.step;

function done() {
  document.querySelector(".steps [aria-current]").dataset.done = "yes";
  if (by("next")) by("next").textContent = by("next").dataset.next;
}

if (step === "1") {
  document.addEventListener("account", (event) => event.detail.signed_in && done());
  await import("./settings.js");
  await import("./sign_in.js");
} else if (step === "2") {
  document.addEventListener("folder", (event) => event.detail.path && !event.detail.problem && done());
  await import("./folder.js");
} else {
  const { show } = await import("./request.js");
  const place = by("demo-request");
  let current = place.dataset.last;

  const follow = (request) => {
    current = request.id;
    show(request, place);
    by("demo").disabled = !["done", "failed", "cancelled"].includes(request.state);
    by("demo-done").hidden = request.state !== "done" || !request.drafts.length;
    if (by("demo-done").hidden) return;
    const cover = `guide/cover/${encodeURIComponent(request.id)}`;
    if (by("demo-cover").getAttribute("src") !== cover) by("demo-cover").src = cover;
    done();
  };
  on("request", (request) => request.id === current && follow(request));
  by("demo").addEventListener("click", () => attempt(async () => {
    place.replaceChildren();
    by("demo").disabled = true;
    try {
      follow(await api("demo", { method: "POST" }));
    } catch (error) {
      by("demo").disabled = false;
      throw error;
    }
  }));
  by("demo-open").addEventListener("click", () => attempt(() => api(`demo/${encodeURIComponent(current)}/open`, { method: "POST" })));
  if (current) attempt(async () => follow(await api(`requests/${encodeURIComponent(current)}`)));
}
