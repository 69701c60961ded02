// The keys belong to the control that has the focus: JupyterLab's arrows and letters, which go to
// another cell, insert one or cut one, are held off. Escape leads back to the cell.

function render({ el }) {
  let widget = null;

  function leave(event) {
    const cell = widget.closest(".jp-Cell");
    if (event.key !== "Escape" || !cell) return;
    event.stopPropagation();
    cell.focus();
  }

  function settle() {
    widget = el.parentElement;
    if (!widget) {
      requestAnimationFrame(settle); // not in the page yet
      return;
    }
    widget.dataset.lmSuppressShortcuts = "true";
    widget.addEventListener("keydown", leave);
  }

  settle();
  return () => widget?.removeEventListener("keydown", leave);
}

export default { render };
