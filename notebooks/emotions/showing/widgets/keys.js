// The keys belong to the control that has the focus: JupyterLab's arrows and letters, which go to
// another cell, insert one or cut one, are held off. Escape leads back to the cell. A widget that
// is drawn anew, as at the end of a training, gives the focus that its controls had to the cell.

let last = null; // the cell that had the focus last
document.addEventListener("focusin", (event) => {
  last = event.target.closest(".jp-Cell");
});

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
    if (!widget?.isConnected) {
      requestAnimationFrame(settle); // not in the page yet
      return;
    }
    widget.dataset.lmSuppressShortcuts = "true";
    widget.addEventListener("keydown", leave);
    if (last && last === widget.closest(".jp-Cell") && document.activeElement === document.body)
      last.focus();
  }

  settle();
  return () => widget?.removeEventListener("keydown", leave);
}

export default { render };
