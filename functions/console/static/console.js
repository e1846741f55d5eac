// Follows what happens: waits for the next event, then takes the parts of the page that changed.
"use strict";

const base = document.body.dataset.base;
const button = document.getElementById("pause");
const told = document.getElementById("told");
const away = document.getElementById("away");
const LEAST_PAUSE_MS = 1500;
let paused = sessionStorage.getItem("paused") === "yes";
let seen = null;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function show() {
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Follow" : "Pause";
}

button.addEventListener("click", () => {
  paused = !paused;
  sessionStorage.setItem("paused", paused ? "yes" : "no");
  told.textContent = paused ? "Paused" : "Following";
  show();
});

// What a person has opened, or stands on, stays so.
function replace(old, fresh) {
  if (old.innerHTML === fresh.innerHTML) return;
  const opened = [...old.querySelectorAll("details")].map((each) => each.open);
  const scrolled = [...old.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  const focused = [...old.querySelectorAll("a, button, .scroll, summary")].indexOf(document.activeElement);
  old.innerHTML = fresh.innerHTML;
  [...old.querySelectorAll("details")].forEach((each, at) => { if (at in opened) each.open = opened[at]; });
  [...old.querySelectorAll(".scroll")].forEach((each, at) => { if (at in scrolled) each.scrollLeft = scrolled[at]; });
  if (focused >= 0) [...old.querySelectorAll("a, button, .scroll, summary")][focused]?.focus({ preventScroll: true });
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const error = fresh.querySelector("main > [role=alert]");
  if (error) { told.textContent = error.textContent; return; }
  for (const old of document.querySelectorAll("[data-live]")) {
    const found = fresh.getElementById(old.id);
    if (found) replace(old, found);
  }
}

async function follow() {
  for (;;) {
    if (paused || document.hidden) { await sleep(500); continue; }
    try {
      const answer = await fetch(`${base}changes?seen=${seen ?? ""}`);
      if (!answer.ok) throw new Error(answer.status);
      const now = (await answer.json()).seen;
      if (seen !== now && !paused) await refresh();
      seen = now;
      away.hidden = true;
      await sleep(LEAST_PAUSE_MS);
    } catch {
      away.hidden = document.hidden;
      await sleep(3000);
    }
  }
}

// A model that is scaled to zero takes a while to answer.
document.addEventListener("submit", (event) => {
  if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
  told.textContent = "Sent";
});
addEventListener("pageshow", () => {
  for (const each of document.querySelectorAll("[aria-busy]")) each.removeAttribute("aria-busy");
});

show();
if (document.querySelector("[data-live]")) follow();
