// Refreshes what was received every few seconds, with a button to pause. The page works without it.
"use strict";

(() => {
  const received = document.getElementById("received");
  if (!received || received.dataset.refresh !== "yes") return;

  let paused = false;
  let last = "";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Pause refreshing";
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Refresh again" : "Pause refreshing";
  });
  received.before(button);

  const refresh = async () => {
    if (paused || document.hidden) return;
    const answer = await fetch(received.dataset.source).catch(() => null);
    if (!answer || !answer.ok) return;
    const html = await answer.text();
    // Whoever reads with the keyboard or has selected text keeps the place.
    const busy = received.contains(document.activeElement) || String(document.getSelection());
    if (html === last || paused || busy) return;
    const open = [...received.querySelectorAll("details[open]")].map((details) => details.id);
    received.innerHTML = html;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    last = html;
  };
  setInterval(refresh, 3000);
})();
