"use strict";
// Live update: requests the page every two seconds (304 when unchanged) and replaces the parts marked data-live. The
// header says so: what is entered into the audit log when it is shown is not asked for again.
const lives = [...document.querySelectorAll(".live")];
let parts = [...document.querySelectorAll("[data-live]")];
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
    const headers = { "X-Followup-Refresh": "1", ...(etag ? { "If-None-Match": etag } : {}) };
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
    parts = parts.filter((part) => page.getElementById(part.id)?.hasAttribute("data-live"));
  } catch {
    say("Not connected", "off");
  }
}

if (parts.length) {
  follow();
  setInterval(() => { if (parts.length && !document.hidden) follow(); }, 2000);
  document.addEventListener("visibilitychange", () => { if (parts.length && !document.hidden) follow(); });
}

// Badges of the navigation: how much waits for somebody at a place.
async function count() {
  const badges = [...document.querySelectorAll("[data-count]")];
  for (const address of new Set(badges.map((badge) => badge.dataset.count))) {
    try {
      const answer = await fetch(address, { cache: "no-store", redirect: "manual" });
      if (!answer.ok) continue;
      const { count } = await answer.json();
      for (const badge of badges.filter((each) => each.dataset.count === address)) {
        badge.hidden = !count;
        badge.textContent = count > 99 ? "99+" : String(count);
        badge.title = `${badge.textContent} wait for somebody`;
      }
    } catch { /* the next one tells */ }
  }
}

if (document.querySelector("[data-count]")) {
  count();
  setInterval(() => { if (!document.hidden) count(); }, 30000);
}
