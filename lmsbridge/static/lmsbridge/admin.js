/* Comforts on top of pages that work without them: "/" searches, Escape closes menus, what is shown can be copied. */
"use strict";
{
  const typing = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;
  const closeMenus = (except) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (!menu.contains(except)) menu.open = false;
    });
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest("details.menu[open]");
      closeMenus(null);
      if (menu) menu.querySelector("summary").focus();
    }
    const search = document.getElementById("searchbar");
    if (event.key === "/" && search && !typing(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
  });
  document.addEventListener("click", (event) => closeMenus(event.target));

  const offerCopy = (source) => {
    const button = document.createElement("button");
    const said = document.createElement("span");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    said.className = "visually-hidden";
    said.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = said.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 2000);
    });
    source.before(button, said);
  };

  // What Django's look-up fields put in place of a select is named by what was chosen alone, so at first by nothing.
  const nameByLabel = (select) => {
    const [label] = select.labels;
    const field = select.parentElement.querySelector("[role=combobox]");
    if (!label || !field) return;
    label.id ||= `${select.id}_label`;
    field.setAttribute("aria-labelledby", `${label.id} ${field.getAttribute("aria-labelledby")}`);
    field.querySelector("[role=textbox]")?.setAttribute("aria-labelledby", label.id);
  };

  // In line behind Django's own script, which makes these fields when jQuery says so.
  window.django?.jQuery?.(() => document.querySelectorAll("select.admin-autocomplete").forEach(nameByLabel));
  document.addEventListener("DOMContentLoaded", () => {
    if (navigator.clipboard) document.querySelectorAll("pre.content, pre.answer, code.share-link").forEach(offerCopy);
  });
}
