// Select2 draws boxes of its own in place of a field, without a name: they take its label's.
(() => {
  "use strict";

  const PARTS = "[role=combobox], [role=textbox], .select2-search__field";

  function nameBoxes() {
    for (const field of document.querySelectorAll("select.select2-hidden-accessible")) {
      const name = field.labels[0]?.textContent.replace("*", "").trim() || field.name;
      const box = field.nextElementSibling;
      const combobox = box?.querySelector("[role=combobox]");
      const list = combobox?.getAttribute("aria-owns"); // while it is open
      if (list) combobox.setAttribute("aria-controls", list);
      else combobox?.removeAttribute("aria-controls");
      for (const part of box?.querySelectorAll(PARTS) ?? []) part.setAttribute("aria-label", name);
    }
    const search = document.querySelector(".select2-container--open .select2-search__field:not([aria-label])");
    search?.setAttribute("aria-label", "Search");
  }

  new MutationObserver(nameBoxes).observe(document.documentElement, { childList: true, subtree: true });
})();
