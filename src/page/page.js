"use strict";
// The page shows one picture of the dashboard and fetches it again when something has changed. Of all tabs, one listens for
// changes and tells the others.
const picture = document.getElementById("picture");
const said = document.getElementById("said");
const dark = matchMedia("(prefers-color-scheme: dark)");
// A cell of the picture is 9 by 19 pixels, and there is a margin of 14 around all (report::glyph, report::svg).
const CELL = { width: 9, height: 19, margin: 28 };
let view = decodeURIComponent(location.hash.slice(1));
let generation = "";
let names = "";
let waiting = false;
let drawing = false;

function address() {
  const between = (n, least, most) => Math.max(least, Math.min(most, Math.floor(n)));
  const room = window.innerHeight - picture.getBoundingClientRect().top - window.scrollY - 40;
  const asked = new URLSearchParams({
    view,
    width: between((document.body.clientWidth - 26 - CELL.margin) / CELL.width, 40, 300),
    height: between((room - CELL.margin) / CELL.height, 16, 120),
    theme: dark.matches ? "dark" : "light",
    after: generation,
  });
  return "view.svg?" + asked;
}

async function draw() {
  if (document.hidden) { waiting = true; return; }
  if (drawing) { waiting = true; return; }
  drawing = true;
  waiting = false;
  try {
    const next = new Image();
    next.src = address();
    await next.decode();
    picture.src = next.src;
    await list();
    if (said.dataset.of === "picture") say("", "");
  } catch {
    say("picture", "the picture could not be fetched; the page tries again with the next change");
  }
  drawing = false;
  if (waiting) draw();
}

function say(of, text) {
  said.dataset.of = of;
  said.textContent = text;
}

// The views that there are, and the project in one sentence.
async function list() {
  const answer = await fetch("views.json");
  if (!answer.ok) return;
  const { project, headline, views } = await answer.json();
  document.title = project + " · mixlaw";
  document.getElementById("project").textContent = project;
  document.getElementById("headline").textContent = headline;
  picture.alt = headline;
  const now = JSON.stringify([views, view]);
  if (now === names) return;
  names = now;
  const buttons = [{ id: "", name: "All" }, ...views].map(({ id, name, about }) => {
    const button = document.createElement("button");
    button.textContent = name;
    button.title = about || "the dashboard";
    button.setAttribute("aria-current", String(id === view));
    button.addEventListener("click", () => { location.hash = encodeURIComponent(id); });
    return button;
  });
  document.getElementById("views").replaceChildren(...buttons);
}

function told({ name, data }) {
  if (name === "lost") {
    say("daemon", "no daemon: " + data);
    return;
  }
  if (said.dataset.of !== "picture") say("", "");
  generation = data;
  draw();
}

// One tab holds the lock and the stream; when it is closed, the next one gets both.
const others = new BroadcastChannel("mixlaw " + location.pathname);
others.addEventListener("message", (event) => told(event.data));
function listen() {
  const stream = new EventSource("events");
  const tell = (name) => stream.addEventListener(name, (event) => {
    const message = { name, data: event.data };
    told(message);
    others.postMessage(message);
  });
  tell("change");
  tell("lost");
  stream.addEventListener("error", () => {
    const message = { name: "lost", data: "the page's server does not answer; start it: mixlaw page" };
    told(message);
    others.postMessage(message);
  });
  return new Promise(() => {});
}
if (navigator.locks) navigator.locks.request("mixlaw " + location.pathname, listen);
else listen();

let resized;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(draw, 200); });
addEventListener("hashchange", () => { view = decodeURIComponent(location.hash.slice(1)); draw(); });
document.addEventListener("visibilitychange", () => { if (waiting && !document.hidden) draw(); });
dark.addEventListener("change", draw);
// Digits as in the terminal: 1 is the first view.
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !/^[0-9]$/.test(event.key)) return;
  document.getElementById("views").children[Number(event.key)]?.click();
});
draw();
