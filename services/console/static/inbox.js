"use strict";
// The inbox without the mouse, the size of an answer while it is typed, and reading as soon as a thread is open.
{
  const text = document.getElementById("text");
  const size = document.getElementById("text-size");
  const answering = document.getElementById("answer-form");
  const reading = document.getElementById("read-form");
  const GSM = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\[~\]|€\f]*$/;

  function parts(words) {
    const isGsm = GSM.test(words);
    const units = isGsm ? words.length + (words.match(/[\^{}\\[~\]|€\f]/g) || []).length : words.length;
    const [one, more] = isGsm ? [160, 153] : [70, 67];
    return { isGsm, units, count: units <= one ? 1 : Math.ceil(units / more) };
  }

  if (text && size) {
    const words = size.textContent;
    const show = () => {
      if (!text.value) return void (size.textContent = words);
      const found = parts(size.dataset.brand + text.value);
      size.textContent = `About ${found.count} part${found.count === 1 ? "" : "s"}, ${found.units} characters with the brand` +
        (found.isGsm ? "." : "; letters outside the GSM alphabet make parts shorter.");
    };
    text.addEventListener("input", show);
    show();
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) answering.querySelector("[value=send]").click();
    });
  }

  for (const kept of document.querySelectorAll("a[data-answer]")) {
    kept.addEventListener("click", (event) => {
      event.preventDefault(); // what is typed stays: the kept words go in where the cursor is
      text.setRangeText(kept.dataset.answer, text.selectionStart, text.selectionEnd, "end");
      kept.closest("details").open = false;
      text.focus();
      text.dispatchEvent(new Event("input"));
    });
  }

  const log = document.getElementById("thread");
  if (log) log.scrollTop = log.scrollHeight;

  if (reading) {
    fetch(reading.action, { method: "POST", body: new URLSearchParams(new FormData(reading)), redirect: "manual" })
      .then(() => {
        reading.remove();
        document.querySelector(".talk[aria-current] .badge")?.remove();
      })
      .catch(() => {});
  }

  const talks = [...document.querySelectorAll(".talk")];
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if (event.key === "r" && text) { event.preventDefault(); return text.focus(); }
    const step = { j: 1, k: -1 }[event.key];
    if (!step || !talks.length) return;
    const focused = talks.indexOf(document.activeElement);
    const from = focused < 0 ? talks.findIndex((talk) => talk.hasAttribute("aria-current")) : focused;
    talks[Math.min(talks.length - 1, Math.max(0, from + step))].focus();
  });
}
