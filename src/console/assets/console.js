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
// for itself again, once at a time, and the parts that differ are put in.
const pause = 1000;
let due = null;
let asks = false;
let again = false;
let took = 0;

async function refresh() {
  due = null;
  if (document.hidden) { due = "hidden"; return; }
  asks = true;
  const began = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) { say("Not up to date: reload, or sign in."); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    fresh.querySelectorAll("[data-part] pre[data-copy]").forEach(copyable);
    document.querySelectorAll("[data-part]").forEach((part) => replace(part, fresh));
    say("Live");
  } catch {
    say("Not up to date: no connection.");
  } finally {
    asks = false;
    took = performance.now() - began;
    if (again) { again = false; soon(); }
  }
}

function replace(part, fresh) {
  const other = fresh.getElementById(part.id);
  if (!other || part.isEqualNode(other)) return;
  const selected = getSelection();
  const reads = selected && !selected.isCollapsed && part.contains(selected.anchorNode);
  if (reads) return;
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  align(part, other);
  if (focused && focused.isConnected) focused.focus({ preventScroll: true });
}

// Makes the children of `old` those of `fresh`. What is in both stays the same element: so
// the focus, and the place where a screen reader reads, stay with what they are on. Rows are
// the same by their key, all else by its place.
function align(old, fresh) {
  const rows = new Map();
  for (const child of old.children) if (child.dataset.key) rows.set(child.dataset.key, child);
  let place = old.firstChild;
  for (const wanted of Array.from(fresh.childNodes)) {
    const own = keyOf(wanted) ? rows.get(keyOf(wanted)) : place;
    if (!own || own.nodeName !== wanted.nodeName || keyOf(own) !== keyOf(wanted)) {
      if (keyOf(wanted)) wanted.classList.add("fresh");
      old.insertBefore(wanted, place);
    } else {
      if (own === place) place = place.nextSibling;
      else old.insertBefore(own, place);
      rows.delete(keyOf(own));
      become(own, wanted);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function keyOf(node) {
  return node.dataset ? node.dataset.key : undefined;
}

function become(own, wanted) {
  if (own.isEqualNode(wanted)) return;
  if (own.nodeType !== Node.ELEMENT_NODE) { own.data = wanted.data; return; }
  for (const { name } of Array.from(own.attributes)) {
    // Whether details are open is up to whoever reads.
    if (name !== "open" && !wanted.hasAttribute(name)) own.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (own.getAttribute(name) !== value) own.setAttribute(name, value);
  }
  align(own, wanted);
}

function soon() {
  if (asks) { again = true; return; }
  if (due === null) due = setTimeout(refresh, Math.max(pause, took));
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
