// One draft: opened, built again, deleted.

import { api, attempt, notice } from "./page.js";
import { show } from "./request.js";

const tools = document.getElementById("tools");
const path = `drafts/${tools.dataset.key}`;

for (const button of tools.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () =>
    attempt(async () => {
      await api(`${path}/open`, { method: "POST", json: { what: button.dataset.open } });
      notice(tools.dataset.opened, false);
    }),
  );
}

document.getElementById("rebuild")?.addEventListener("click", () =>
  attempt(async () => show(await api(`${path}/rebuild`, { method: "POST" }), document.getElementById("work"))),
);

document.getElementById("delete").addEventListener("click", () =>
  attempt(async () => {
    await api(path, { method: "DELETE" });
    location.assign("drafts"); // where it can be had back
  }),
);
