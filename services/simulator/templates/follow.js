"use strict";
// Follows along: asks for the page each second, is told "304" when nothing changed, and swaps the parts that live.
let etag = document.querySelector("main").dataset.etag;
const thread = document.getElementById("thread");
const toEnd = () => { if (thread) thread.scrollTop = thread.scrollHeight; };

async function follow() {
  try {
    const answer = await fetch(location.href, { headers: { "If-None-Match": etag }, cache: "no-store" });
    document.body.classList.toggle("offline", !answer.ok && answer.status !== 304);
    if (answer.status !== 200) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const isAtEnd = thread && thread.scrollHeight - thread.scrollTop - thread.clientHeight < 60;
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.innerHTML = fresh.innerHTML;
    }
    etag = answer.headers.get("ETag");
    if (isAtEnd) toEnd();
  } catch {
    document.body.classList.add("offline");
  }
}

for (const form of document.querySelectorAll("form[data-quiet]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    const typed = form.querySelector("input[name=text]");
    const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.ok) { if (typed) { typed.value = ""; typed.focus(); } }
    await follow();
    toEnd();
  });
}

toEnd();
setInterval(() => { if (!document.hidden) follow(); }, 1000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) follow(); });
