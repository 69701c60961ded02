// The keys belong to the control that has the focus: JupyterLab's arrows and letters, which go to
// another cell, insert one or cut one, are held off. Escape leads back to the cell. A widget that
// is drawn anew, as at the end of a training, gives the focus that its controls had to the cell.

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
    const cell = widget.closest(".jp-Cell");
    if (cell && cell === window.cellInFocus && document.activeElement === document.body)
      cell.focus();
  }

  settle();
  return () => {
    closed = true;
    widget?.removeEventListener("keydown", leave);
  };
}

export default { render };
