// One draft: opened, built again, deleted.

import { api, notice, onClick } from "./page.js";
import { show } from "./request.js";

const tools = document.getElementById("tools");
const path = `drafts/${tools.dataset.key}`;

for (const button of tools.querySelectorAll("[data-open]")) {
  onClick(button, async () => {
    const { opened } = await api(`${path}/open`, { method: "POST", json: { what: button.dataset.open } });
    notice(opened ? tools.dataset.opened : tools.dataset.missing, !opened);
  });
}

const rebuild = document.getElementById("rebuild");
if (rebuild) onClick(rebuild, async () => show(await api(`${path}/rebuild`, { method: "POST" }), document.getElementById("work")));

onClick(document.getElementById("delete"), async () => {
  await api(path, { method: "DELETE" });
  location.assign("drafts"); // where it can be had back
});
