// The guide's step is done as soon as what it is for is so.

const next = document.getElementById("next");

function done() {
  document.querySelector(".steps [aria-current]").dataset.done = "yes";
  if (!next) return;
  next.textContent = next.dataset.next;
  next.classList.add("main");
}

document.addEventListener("account", (event) => event.detail.signed_in && done());
document.addEventListener("folder", (event) => event.detail.path && !event.detail.problem && done());
document.addEventListener("demo", done);
