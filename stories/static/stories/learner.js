// A story without page loads, and without anything in the address: steps are sent in the background, the query leaves
// the address, and the play's token stays in this tab, so that a reload goes on. Without this script forms do it all.
(() => {
  "use strict";
  const root = document.documentElement;
  const address = location.pathname;
  const key = `play ${address}`;
  // Seconds between two looks at what became of the result; then the learner asks with a button.
  const LOOKS = [0.6, 0.8, 1, 1, 1.5, 2, 2, 3, 3, 4, 5, 5, 8, 8, 10, 10, 15, 15, 20, 20, 30, 30, 30, 60, 60];

  // Frames may forbid storage; then the query stays in the address, for reloads.
  const stored = (work) => {
    try {
      return work(sessionStorage);
    } catch {
      return undefined;
    }
  };
  const known = stored((storage) => storage.getItem(key));
  if (known && !location.search) root.classList.add("resuming");

  let kept = false; // the token, so that the query is not needed any more
  let busy = false;
  let looking = 0;

  const one = (selector) => document.querySelector(selector);
  const scene = () => one('[name="scene"]')?.value;
  const whereabouts = () => (kept ? address : location.href);
  const place = () => ({ scene: document.body.classList.contains("scene") ? scene() : null });

  function ask(data, path = address) {
    return fetch(path, { method: "POST", body: new URLSearchParams(data), credentials: "omit", cache: "no-store" });
  }

  async function step(data, way = "push") {
    if (busy) return;
    busy = true;
    document.body.setAttribute("aria-busy", "true");
    one("#trouble")?.setAttribute("hidden", "");
    try {
      const answer = await ask(data);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.status >= 500 || !page.querySelector("main")) throw new Error(String(answer.status));
      show(page, data, way);
    } catch {
      one("#trouble")?.removeAttribute("hidden");
    } finally {
      busy = false;
      document.body.removeAttribute("aria-busy");
    }
  }

  function show(page, data, way) {
    const before = { scene: place().scene, done: one("progress")?.value };
    document.title = page.title;
    root.lang = page.documentElement.lang;
    root.dir = page.documentElement.dir;
    document.body.replaceWith(document.adoptNode(page.body));
    const here = place();
    if (way === "push" && before.scene !== null && here.scene !== before.scene) history.pushState(here, "", whereabouts());
    else history.replaceState(here, "", whereabouts());
    arrive();
    slide(before.done);
    if (here.scene !== null && here.scene === before.scene) one("#feedback, .problem")?.scrollIntoView({ block: "nearest" });
    else scrollTo(0, 0);
    (one("#feedback, [aria-invalid]") ?? one("h1"))?.focus({ preventScroll: true });
  }

  function slide(from) {
    const bar = one("progress");
    if (!bar || from === undefined || from === bar.value) return;
    const to = bar.value;
    bar.value = from;
    requestAnimationFrame(() => requestAnimationFrame(() => (bar.value = to)));
  }

  // On each page: remember the token, clear the address, look after the result, get the next picture.
  function arrive() {
    const token = one('[name="play"]')?.value;
    kept = Boolean(token && stored((storage) => storage.setItem(key, token) ?? true)) || kept;
    if (token) history.replaceState(history.state ?? place(), "", whereabouts());
    const next = document.body.dataset.nextPicture;
    if (next) new Image().src = next;
    clearTimeout(looking);
    const told = one("#told[data-ask]");
    if (told && token) {
      document.body.classList.add("scripted");
      look(told, token, 0);
    }
  }

  function look(told, token, turn) {
    if (turn >= LOOKS.length) {
      document.body.classList.add("stopped");
      return;
    }
    looking = setTimeout(async () => {
      try {
        const answer = await ask({ play: token }, told.dataset.ask);
        if (answer.ok && tell(told, await answer.json())) return;
      } catch {
        // Offline for a moment; the next look comes.
      }
      if (told.isConnected) look(told, token, turn + 1);
    }, LOOKS[turn] * 1000);
  }

  function tell(told, news) {
    if (!told.isConnected) return true;
    const words = told.querySelector("#told-words");
    if (words.textContent !== news.words) words.textContent = news.words;
    if (news.state === "sending") return false;
    const back = one("#back");
    if (back && news.back) {
      back.querySelector("a").href = news.back.url;
      back.querySelector("#back-host").textContent = news.back.host;
      back.hidden = false;
    }
    told.className = `told ${news.state}`;
    told.dataset.state = news.state;
    told.querySelector("form")?.remove();
    return true;
  }

  // A story that is read says nothing to its server for long; this tells that the learner is still there.
  const ALIVE = 60;
  setInterval(() => {
    const { alive } = document.body.dataset;
    const token = one('[name="play"]')?.value;
    if (alive && token && document.visibilityState === "visible") ask({ play: token }, alive).catch(() => {});
  }, ALIVE * 1000);

  async function resume() {
    if (known && "landing" in document.body.dataset) {
      const answer = await ask({ play: known, do: "resume" }).catch(() => null);
      if (answer?.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"), {}, "replace");
      else if (answer && answer.status < 500) stored((storage) => storage.removeItem(key));
    }
    root.classList.remove("resuming");
  }

  addEventListener("submit", (event) => {
    const form = event.target;
    // A frame without an origin of its own may send forms, but nothing in the background.
    if (form.method !== "post" || origin === "null") return;
    event.preventDefault();
    const data = new FormData(form);
    if (event.submitter?.name) data.set(event.submitter.name, event.submitter.value);
    step(data, data.get("do") === "back" ? "replace" : "push");
  });
  addEventListener("popstate", (event) => {
    const token = stored((storage) => storage.getItem(key)) ?? one('[name="play"]')?.value;
    if (!token || !event.state) return;
    const where = event.state.scene === null ? { do: "end" } : { do: "show", scene: event.state.scene };
    step({ play: token, ...where }, "replace");
  });
  addEventListener("click", (event) => {
    if (event.target.closest("[data-forget]")) stored((storage) => storage.removeItem(key));
  });
  addEventListener("DOMContentLoaded", () => {
    arrive();
    resume();
  });
})();
