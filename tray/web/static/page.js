// What every page has: the API, the stream of what happens, the program's state at the top, and notices.

const byId = (id) => document.getElementById(id);

export async function api(path, { method = "GET", json, body } = {}) {
  // Returns what the API says; throws an Error whose message is for people. `json`: a value, or JSON text.
  const headers = json === undefined ? {} : { "Content-Type": "application/json" };
  const answer = await fetch(`api/v1/${path}`, { method, headers, body: json === undefined ? body : typeof json === "string" ? json : JSON.stringify(json) }).catch(() => {
    throw new Error(byId("away").textContent || byId("away").dataset.trying);
  });
  const said = answer.headers.get("content-type")?.includes("json") ? await answer.json() : { error: await answer.text() };
  if (!answer.ok) throw Object.assign(new Error([said.error, said.advice, said.logid && `logid ${said.logid}`].filter(Boolean).join(" ")), { said });
  return said;
}

export function notice(text, bad = true) {
  // A failure stays until it is closed; the same is not said twice.
  for (const one of [...byId("notices").children]) if (one.firstElementChild.textContent === text) one.remove();
  const shown = clone("notice-card");
  shown.classList.toggle("bad", bad);
  shown.firstElementChild.textContent = text;
  shown.querySelector(".close").addEventListener("click", () => shown.remove());
  byId("notices").append(shown);
  if (!bad) setTimeout(() => shown.remove(), 8000);
}

export async function attempt(work) {
  // What goes wrong is shown.
  try {
    return await work();
  } catch (error) {
    notice(error.message);
    return undefined;
  }
}

export function onClick(button, work) {
  // What a click does, once at a time, and once for a double click; what goes wrong is shown. (A button that is
  // `disabled` would lose the focus.)
  button.addEventListener("click", async (event) => {
    if (event.detail > 1 || button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    await attempt(work);
    button.removeAttribute("aria-disabled");
  });
}

export function clone(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

const listeners = new Map();

export function on(kind, listener) {
  // `kind`: "status", "request" and whatever else the API's stream names; or "back": the stream begins again, and what
  // has happened meanwhile was not told. The listener is given what was said.
  if (!listeners.has(kind)) {
    listeners.set(kind, []);
    if (stream) hear(kind);
  }
  listeners.get(kind).push(listener);
}

function tell(kind, said) {
  for (const listener of listeners.get(kind) ?? []) listener(said);
}

const WAITS_S = [0.5, 1, 2, 4]; // between tries; after the last one it has ended
const SAID_AFTER = 2; // tries: a hiccup is not worth a word
const STAYS_MS = 30 * 60_000; // for so long a hidden page keeps the server
let stream;
let waiting;
let failed = 0;
let wasOpen = false;
let hiddenSince = Date.now();

function hear(kind) {
  stream.addEventListener(kind, (event) => tell(kind, JSON.parse(event.data)));
}

function follow() {
  // One stream a page, and none while it is hidden: a browser opens six connections to a host.
  pause();
  stream = new EventSource("api/v1/events");
  stream.addEventListener("open", () => {
    failed = 0;
    byId("away").hidden = true;
    if (wasOpen) tell("back");
    wasOpen = true;
  });
  stream.addEventListener("error", lost);
  for (const kind of listeners.keys()) hear(kind);
}

function pause() {
  clearTimeout(waiting);
  stream?.close();
  stream = undefined;
}

function lost() {
  pause();
  failed += 1;
  const ended = failed > WAITS_S.length;
  if (!ended) waiting = setTimeout(follow, WAITS_S[failed - 1] * 1000);
  if (failed >= SAID_AFTER) away(ended);
}

function away(ended) {
  const banner = byId("away");
  const text = ended ? banner.dataset.ended : banner.dataset.trying;
  banner.hidden = false;
  if (banner.textContent !== text) banner.textContent = text;
  byId("status").dataset.state = ended ? "stopped" : "reconnecting";
  byId("status-text").textContent = ended ? "" : byId("status").dataset.away;
}

on("status", (status) => {
  byId("status").dataset.state = status.state;
  byId("status-text").textContent = status.detail ? `${status.state_text}: ${status.detail}` : status.state_text;
});

document.addEventListener("visibilitychange", () => {
  hiddenSince = Date.now();
  if (document.hidden) pause();
  else follow();
});
window.addEventListener("pagehide", pause);
window.addEventListener("pageshow", (event) => event.persisted && follow());
setInterval(() => {
  if (document.hidden && Date.now() - hiddenSince <= STAYS_MS) fetch("api/v1/status").catch(() => {}); // it is still open
}, 60_000);
if (!document.hidden) follow();
