// What every page has: the API, the stream of what happens, and the program's state at the top.

export async function api(path, { method = "GET", json, body } = {}) {
  // Returns what the API says; throws an Error whose message is for people.
  const headers = json === undefined ? {} : { "Content-Type": "application/json" };
  const answer = await fetch(`api/v1/${path}`, { method, headers, body: json === undefined ? body : JSON.stringify(json) });
  const said = answer.headers.get("content-type")?.includes("json") ? await answer.json() : { error: await answer.text() };
  if (!answer.ok) throw Object.assign(new Error([said.error, said.advice, said.logid && `logid ${said.logid}`].filter(Boolean).join(" ")), { said });
  return said;
}

export function notice(text, bad = true) {
  const shown = document.createElement("p");
  shown.className = bad ? "notice bad" : "notice";
  shown.textContent = text;
  document.getElementById("notices").append(shown);
  setTimeout(() => shown.remove(), 15000);
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

export function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

const listeners = new Map();

export function on(kind, listener) {
  // `kind`: "status", "request", "text", as the API's stream names them.
  listeners.set(kind, [...(listeners.get(kind) ?? []), listener]);
}

let stream;
let away = 0;

function follow() {
  // One stream a page, and none while it is hidden: a browser opens six to a host.
  stream?.close();
  stream = new EventSource("api/v1/events");
  for (const kind of ["status", "request", "text"]) {
    stream.addEventListener(kind, (event) => {
      away = 0;
      for (const listener of listeners.get(kind) ?? []) listener(JSON.parse(event.data));
    });
  }
  stream.addEventListener("error", () => {
    away += 1;
    if (away < 3) return;
    stream.close();
    document.getElementById("notices").replaceChildren(document.getElementById("gone-words").content.cloneNode(true));
  });
}

on("status", (status) => {
  document.getElementById("status").dataset.state = status.state;
  document.getElementById("status-text").textContent = status.detail ? `${status.state_text}: ${status.detail}` : status.state_text;
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) stream?.close();
  else follow();
});
setInterval(() => document.hidden && fetch("api/v1/status").catch(() => {}), 60000); // it is still open
if (!document.hidden) follow();
