"use strict";
// The editor of flows: checks what is typed after a pause, and shows what the page would show. Without it, "Check" does the same.
const editor = document.getElementById("editor");
const typed = document.getElementById("text");
const PAUSE = 500;
let pause = null;
let turn = 0;
let isChanged = false;

async function check() {
  const mine = ++turn;
  const fields = new URLSearchParams(new FormData(editor));
  fields.set("action", "check");
  try {
    const answer = await fetch(editor.getAttribute("action"), { method: "POST", body: fields, redirect: "manual" });
    if (answer.status === 429) return later();
    if (!answer.ok || mine !== turn) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["findings", "previews"]) {
      const fresh = page.getElementById(id);
      if (fresh) document.getElementById(id).innerHTML = fresh.innerHTML;
    }
  } catch {
    // Not connected: what is shown stays, and saving says what is wrong.
  }
}

function later() {
  clearTimeout(pause);
  pause = setTimeout(check, PAUSE);
}

typed.addEventListener("input", () => {
  isChanged = true;
  later();
});
editor.addEventListener("submit", () => { isChanged = false; });
window.addEventListener("beforeunload", (leaving) => { if (isChanged) leaving.preventDefault(); });
// Puts a field in as if it was typed (so that it can be undone): at the cursor, or as lines below the cursor's line.
function putIn(field) {
  const text = typed.value;
  let words = field.dataset.lines;
  typed.focus();
  if (!words.startsWith("{{")) {
    const begin = text.lastIndexOf("\n", typed.selectionEnd - 1) + 1;
    const next = text.indexOf("\n", typed.selectionEnd);
    const end = next < 0 ? text.length : next;
    const isEmpty = text.slice(begin, end).trim() === "";
    typed.setSelectionRange(isEmpty ? begin : end, end);
    if (!isEmpty) words = `\n${words}`;
  }
  if (typed.value.length - (typed.selectionEnd - typed.selectionStart) + words.length > typed.maxLength) return;
  if (document.execCommand("insertText", false, words)) return;
  typed.setRangeText(words, typed.selectionStart, typed.selectionEnd, "end");
  typed.dispatchEvent(new Event("input"));
}

document.addEventListener("click", (click) => {
  const field = click.target.closest("[data-lines]");
  if (field) return putIn(field);
  const button = click.target.closest("[data-line]");
  if (!button) return;
  const lines = typed.value.split("\n");
  const line = Number(button.dataset.line);
  const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  typed.focus();
  typed.setSelectionRange(from, from + (lines[line - 1] || "").length);
  typed.scrollTop = Math.max(0, (line - 5) * (typed.scrollHeight / lines.length));
});
