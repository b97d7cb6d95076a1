"use strict";
// Live update: requests the page every two seconds (304 when unchanged) and replaces the parts marked data-live.
const lives = [...document.querySelectorAll(".live")];
const parts = [...document.querySelectorAll("[data-live]")];
const zone = lives.length ? lives[0].textContent : "";
let etag = null;

function swap(part, fresh) {
  if (fresh.innerHTML === part.innerHTML) return;
  const known = new Set([...part.querySelectorAll("[data-key]")].map((row) => row.dataset.key));
  part.className = fresh.className;
  part.innerHTML = fresh.innerHTML;
  for (const row of part.querySelectorAll("[data-key]")) row.classList.toggle("fresh", !known.has(row.dataset.key));
}

function say(words, state) {
  for (const live of lives) {
    live.textContent = words;
    live.dataset.state = state;
  }
}

async function follow() {
  try {
    const headers = etag ? { "If-None-Match": etag } : {};
    const answer = await fetch(location.href, { headers, cache: "no-store", redirect: "manual" });
    if (answer.type === "opaqueredirect") return location.reload();
    if (answer.status === 304 || answer.ok) say(`Live · ${zone}`, "on");
    else return say("Not connected", "off");
    if (answer.status === 304) return;
    etag = answer.headers.get("ETag");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const fresh = page.getElementById(part.id);
      if (fresh && !part.contains(document.activeElement)) swap(part, fresh);
    }
  } catch {
    say("Not connected", "off");
  }
}

if (parts.length) {
  follow();
  setInterval(() => { if (!document.hidden) follow(); }, 2000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) follow(); });
}
