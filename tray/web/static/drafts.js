// The gallery: what is deleted can be had back in its place, and more drafts come when one scrolls near the end.

import { api, attempt, clone } from "./page.js";

const gallery = document.getElementById("gallery");

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches(".draft-card .delete")) remove(button.closest(".draft-card"));
  else if (button?.matches(".deleted .undo")) {
    attempt(async () => {
      await api(`deleted-drafts/${button.dataset.id}/undo`, { method: "POST" });
      location.reload();
    });
  }
});

function remove(card) {
  attempt(async () => {
    const deleted = await api(`drafts/${card.dataset.key}`, { method: "DELETE" });
    const before = [...card.childNodes];
    const said = clone("deleted-card");
    const words = said.querySelector("p");
    words.textContent = words.textContent.replace("{name}", deleted.name);
    card.replaceChildren(said);
    const undo = said.querySelector(".undo");
    undo.addEventListener("click", () =>
      attempt(async () => {
        await api(`deleted-drafts/${deleted.id}/undo`, { method: "POST" });
        card.replaceChildren(...before);
        card.querySelector(".to").focus();
      }),
    );
    undo.focus();
  });
}

const near = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && more(), { rootMargin: "1500px" });

function watch() {
  const last = gallery?.querySelector(".more");
  if (last) near.observe(last);
}

async function more() {
  const last = gallery.querySelector(".more");
  if (!last || last.dataset.asked) return;
  last.dataset.asked = "yes";
  const answer = await fetch(`${last.querySelector("a").getAttribute("href")}&part=true`);
  if (!answer.ok) return; // the link is still there
  const part = document.createElement("template");
  part.innerHTML = await answer.text();
  const focused = last.contains(document.activeElement);
  const first = part.content.querySelector(".to");
  last.replaceWith(part.content);
  if (focused) first?.focus();
  watch();
}

watch();
