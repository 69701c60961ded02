// The keys belong to the control that has the focus: JupyterLab's arrows and letters, which go to
// another cell, insert one or cut one, are held off. Escape leads back to the cell. A widget that
// is drawn anew, as at the end of a training, gives the focus that its controls had to the cell.
// For screen readers, what ipywidgets leaves out: sliders get their names, pressed buttons their
// state, and a text that changes is read.

// One for the page, though each widget loads this module: the cell that had the focus last.
if (!("cellInFocus" in window)) {
  window.cellInFocus = null;
  document.addEventListener("focusin", (event) => {
    window.cellInFocus = event.target.closest(".jp-Cell");
  });
}

function render({ el }) {
  let widget = null;
  let closed = false;
  const watching = new MutationObserver(describe);

  function describe() {
    for (const handle of widget.querySelectorAll(".noUi-handle")) {
      const label = handle.closest(".jupyter-widgets")?.querySelector("label");
      handle.setAttribute("aria-label", label?.textContent ?? "");
    }
    for (const button of widget.querySelectorAll(".widget-toggle-button"))
      button.setAttribute("aria-pressed", button.classList.contains("mod-active"));
    for (const text of widget.querySelectorAll(".widget-html-content"))
      if (!text.querySelector("img")) text.setAttribute("role", "status");
  }

  function leave(event) {
    const cell = widget.closest(".jp-Cell");
    if (event.key !== "Escape" || !cell) return;
    event.stopPropagation();
    cell.focus();
  }

  function settle() {
    widget = el.parentElement;
    if (!widget?.isConnected) {
      if (!closed) requestAnimationFrame(settle); // not in the page yet
      return;
    }
    widget.dataset.lmSuppressShortcuts = "true";
    widget.addEventListener("keydown", leave);
    const changes = { childList: true, attributes: true, attributeFilter: ["class"] };
    watching.observe(widget, { subtree: true, ...changes });
    describe();
    const cell = widget.closest(".jp-Cell");
    if (cell && cell === window.cellInFocus && document.activeElement === document.body)
      cell.focus();
  }

  settle();
  return () => {
    closed = true;
    watching.disconnect();
    widget?.removeEventListener("keydown", leave);
  };
}

export default { render };
