/* Keeps the progress of a job up to date while its page is looked at. Can be paused; without it the page is loaded again by hand. */
"use strict";
{
  const START = "Keep up to date";
  const PAUSE = "Stop updating this page";
  let paused = false;

  const panel = () => document.getElementById("job-progress");
  const said = document.createElement("p");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");

  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = PAUSE;
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? START : PAUSE;
  });

  const refresh = async () => {
    const response = await fetch(window.location.href, { credentials: "same-origin" });
    if (!response.ok || response.redirected) return;
    const found = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("job-progress");
    // Whoever is about to press a button of the panel must not have it taken away.
    if (!found || panel().contains(document.activeElement)) return;
    panel().replaceWith(found);
    if (!found.dataset.refresh) {
      said.textContent = found.querySelector(".status-line").textContent.trim();
      button.remove();
    }
  };

  const next = () => {
    const seconds = Number(panel().dataset.refresh);
    if (!seconds) return;
    setTimeout(async () => {
      if (!paused && !document.hidden) await refresh().catch(() => {});
      next();
    }, seconds * 1000);
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (!panel() || !panel().dataset.refresh) return;
    panel().after(said, button);
    next();
  });
}
