// The console's only script: it copies commands, and keeps live pages fresh. Pages work
// without it.
"use strict";

function copyable(block) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy quiet";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const text = block.querySelector("code").textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(block.querySelector("code"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.prepend(button);
}

document.querySelectorAll("pre[data-copy]").forEach(copyable);

// Live pages: a sign comes when something that they show was recorded; then the page asks
// for itself again, and the parts that differ are put in. What somebody is in stays.
const pause = 1000;
let due = null;

async function refresh() {
  due = null;
  if (document.hidden) { due = "hidden"; return; }
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) { say("Not up to date: reload, or sign in."); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelectorAll("[data-part]").forEach((part) => replace(part, fresh));
    say("Live");
  } catch {
    say("Not up to date: no connection.");
  }
}

function replace(part, fresh) {
  const other = fresh.getElementById(part.id);
  if (!other || part.innerHTML === other.innerHTML) return;
  const selected = getSelection();
  const reads = selected && !selected.isCollapsed && part.contains(selected.anchorNode);
  if (reads) return;
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && focused.getAttribute("href");
  part.innerHTML = other.innerHTML;
  part.querySelectorAll("pre[data-copy]").forEach(copyable);
  part.classList.remove("fresh");
  void part.offsetWidth;
  part.classList.add("fresh");
  if (place) {
    const links = Array.from(part.querySelectorAll("a"));
    const again = links.find((link) => link.getAttribute("href") === place);
    if (again) again.focus();
  }
}

function soon() {
  if (due === null) due = setTimeout(refresh, pause);
}

function say(text) {
  document.querySelector("footer .live").textContent = text;
}

function follow(address) {
  const signs = new EventSource(address);
  // What came between the page and this is not told again.
  signs.addEventListener("open", () => { say("Live"); soon(); });
  signs.addEventListener("change", soon);
  signs.addEventListener("error", () => {
    say(signs.readyState === EventSource.CLOSED
      ? "Not live any more: reload, or sign in." : "Not live: connecting again.");
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && due === "hidden") { due = null; soon(); }
  });
  addEventListener("pagehide", () => signs.close());
}

if (document.body.dataset.live) follow(document.body.dataset.live);
