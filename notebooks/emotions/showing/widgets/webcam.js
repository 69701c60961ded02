// The camera of the browser: start it, take a picture, send it to the kernel, let the camera go.

const REFUSED = {
  NotAllowedError:
    "The browser refused the camera: allow it for this page (the sign beside the address), or upload a photo.",
  NotFoundError: "This computer has no camera that the browser can see: upload a photo instead.",
  NotReadableError: "Another program uses the camera: close that program, or upload a photo.",
};
const NO_CAMERA_HERE =
  "The browser gives the camera only to pages on localhost or with https: open the course there, or upload a photo.";

function button(text, title) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "lm-Widget jupyter-widgets jupyter-button widget-button";
  made.textContent = text;
  made.title = title;
  return made;
}

function render({ model, el }) {
  const start = button("Start camera", "The browser asks you first");
  const take = button("Take the picture", "The picture goes to the kernel and is not kept");
  const video = document.createElement("video");
  const words = document.createElement("p");
  let stream = null;
  let closed = false;

  video.muted = true;
  video.playsInline = true;
  video.setAttribute("aria-label", "what the camera sees, as in a mirror");
  video.style.cssText = "display: block; max-width: 320px; transform: scaleX(-1);";
  words.setAttribute("role", "status");
  words.style.cssText = "max-width: 40em; margin: 0.3em 0;";
  take.hidden = video.hidden = true;
  video.style.display = take.style.display = "none";
  el.append(start, take, video, words);

  function show(live) {
    video.style.display = live ? "block" : "none";
    take.style.display = live ? "" : "none";
    take.hidden = video.hidden = !live;
    start.textContent = live ? "Stop camera" : "Start camera";
  }

  function release() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    show(false);
  }

  async function begin() {
    words.textContent = "";
    if (!navigator.mediaDevices?.getUserMedia) {
      words.textContent = NO_CAMERA_HERE;
      return;
    }
    start.disabled = true; // a second click would start a second stream
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
      if (closed) return release(); // the cell ran again while the browser asked
      video.srcObject = stream;
      await video.play();
      show(true);
      take.focus();
    } catch (error) {
      release();
      words.textContent =
        REFUSED[error.name] ?? `The camera did not start (${error.name}): upload a photo instead.`;
    } finally {
      start.disabled = false;
      if (take.hidden && document.activeElement === document.body) start.focus();
    }
  }

  function picture() {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob(
      async (blob) => {
        if (blob) model.send({ kind: "picture" }, undefined, [await blob.arrayBuffer()]);
        words.textContent = blob ? "Picture taken." : "No picture came: try again.";
        release();
        start.focus();
      },
      "image/jpeg",
      0.92,
    );
  }

  start.addEventListener("click", () => (stream ? release() : begin()));
  take.addEventListener("click", picture);
  return () => {
    closed = true;
    release();
  };
}

export default { render };
