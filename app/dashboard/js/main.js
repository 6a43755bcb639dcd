// Starts the dashboard: who is signed in, which view is shown, and what stands around it.

import { reason, signals } from "./api.js";
import { costsView } from "./costs/view.js";
import { h, replace } from "./dom.js";
import { healthView } from "./health/view.js";
import { keysView } from "./keys/room.js";
import { loginView } from "./login.js";
import { forgetModels } from "./models.js";
import { toast } from "./notify.js";
import { forgetResults } from "./playground/results.js";
import { playgroundView } from "./playground/view.js";
import { place } from "./router.js";
import { load, session, signOut } from "./session.js";
import { submissionsView } from "./submissions/room.js";
import { detailView } from "./videos/detail.js";
import { galleryView } from "./videos/gallery.js";
import { webhooksView } from "./webhooks/room.js";

const view = document.getElementById("view");
const nav = document.getElementById("nav");
const who = document.getElementById("who");
const leave = document.getElementById("sign-out");
let current = new AbortController();

// What is for admins is not shown to others; whoever goes there all the same is told so by the API.
const ROOMS = {
  playground: { title: "Playground", build: playgroundView },
  videos: { title: "Videos", build: (where, signal) => (where.rest.length ? detailView : galleryView)(where, signal) },
  costs: { title: "Costs", build: costsView },
  health: { title: "Health", build: healthView, admin: true },
  keys: { title: "Keys", build: keysView, admin: true },
  webhooks: { title: "Webhooks", build: webhooksView },
  submissions: { title: "Submissions", build: submissionsView, admin: true },
};

function show({ focus = true } = {}) {
  current.abort();
  current = new AbortController();
  nav.hidden = !session.signedIn;
  leave.hidden = !session.signedIn || session.open;
  who.textContent = session.signedIn && !session.open ? session.name : "";
  who.title = who.textContent; // there may be no room for all of it
  if (!session.signedIn) {
    forgetModels(); // the next may be somebody else
    forgetResults();
    document.title = "Sign in · Reelgate";
    replace(view, loginView(() => show()));
    document.getElementById("api-key").focus();
    return;
  }
  const where = place();
  const room = ROOMS[where.room];
  document.title = `${room?.title ?? "Not found"} · Reelgate`;
  for (const link of nav.querySelectorAll("a")) {
    link.hidden = Boolean(ROOMS[link.hash.slice(2)]?.admin) && session.role !== "admin";
    if (link.hash === `#/${where.room}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  replace(view, room ? room.build(where, current.signal) : h("h1", {}, "There is no such page"));
  if (focus) view.focus({ preventScroll: true });
  scrollTo(0, 0);
}

async function start() {
  try {
    await load();
    show({ focus: false });
  } catch (error) {
    replace(view, h("p", { class: "error", role: "alert" }, reason(error)));
  }
}

addEventListener("hashchange", () => show());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  view.focus();
});
signals.addEventListener("signed-out", () => {
  if (!session.signedIn) return;
  session.signedIn = false;
  show();
  toast(session.open ? "This gateway has keys now: sign in with one." : "Your session has ended. Sign in again.");
});
signals.addEventListener("signed-in", () => show());
leave.addEventListener("click", async () => {
  try {
    await signOut();
    show();
  } catch (error) {
    toast(reason(error));
  }
});
start();
