// Signing in and out. A token goes one way: it is never asked for again, nor kept here.

import { api, attempt } from "./page.js";

const by = (id) => document.getElementById(id);
const POLL_MS = 1000;
let polling;

function show(account) {
  by("account").replaceChildren(
    ...account.lines.map((text) => Object.assign(document.createElement("li"), { textContent: text, className: account.trouble ? "wrong" : "" })),
  );
  by("account-message").textContent = account.message;
  by("tokens-page").href = account.tokens_url;
  by("sign-out").hidden = !account.signed_in || account.from_environment;
  if (!account.signed_in) by("by-token").open = true;
  if (account.device?.state === "waiting") follow(account.device);
  document.dispatchEvent(new CustomEvent("account", { detail: account }));
}

const look = () => attempt(async () => show(await api("sign-in")));

function fields(error, places) {
  // What is wrong, at its field.
  for (const [name, place] of Object.entries(places)) {
    const text = error?.said?.fields?.[name] ?? "";
    by(`${place}-wrong`).textContent = text;
    by(place).setAttribute("aria-invalid", text ? "true" : "false");
    if (text) by(place).focus();
  }
  if (error && !Object.keys(error.said?.fields ?? {}).length) throw error;
}

function send(form, work, places) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    attempt(async () => {
      try {
        await work();
        fields(undefined, places);
      } catch (error) {
        fields(error, places);
      } finally {
        button.disabled = false;
      }
    });
  });
}

send(by("token-form"), async () => {
  const json = { token: by("token").value, days: by("days").value ? Number(by("days").value) : null };
  by("token").value = ""; // it is in nobody's way any more
  const account = await api("sign-in/token", { method: "POST", json });
  by("by-token").open = false;
  show(account);
}, { token: "token" });

send(by("device-form"), async () => {
  const json = { client_id: by("client-id").value };
  follow(await api("sign-in/device", { method: "POST", json }));
  by("device-page").focus();
}, { client_id: "client-id" });

function follow(device) {
  by("by-device").open = true;
  by("device").hidden = false;
  by("device-message").textContent = "";
  by("user-code").textContent = device.user_code;
  by("device-page").hidden = !device.url;
  if (device.url) by("device-page").href = device.url;
  by("qr").src = `api/v1/sign-in/device/qr.svg?${device.ends_us}`;
  left(device);
  clearTimeout(polling);
  polling = setTimeout(poll, POLL_MS);
}

function left(device) {
  const seconds = Math.max(0, Math.round((device.ends_us / 1e6) - Date.now() / 1000));
  by("device-left").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

async function poll() {
  const device = await attempt(() => api("sign-in/device"));
  if (device?.state === "waiting") {
    left(device);
    polling = setTimeout(poll, POLL_MS);
  } else if (device) {
    over(device);
  }
}

function over(device) {
  clearTimeout(polling);
  by("device").hidden = true;
  if (device.state === "agreed") {
    by("by-device").open = by("by-token").open = false;
    attempt(async () => {
      show({ ...(await api("sign-in")), message: device.message });
      by("sign-out").focus();
    });
  } else {
    by("device-message").textContent = device.message;
    by("client-id").focus();
  }
}

by("device-cancel").addEventListener("click", () => attempt(async () => over(await api("sign-in/device", { method: "DELETE" }))));
by("sign-out").addEventListener("click", () => attempt(async () => {
  show(await api("sign-in", { method: "DELETE" }));
  by("token").focus();
}));
document.addEventListener("kept", (event) => event.target.dataset.key === "region" && look());
look();
