// Content that is larger than its slide is made smaller as a whole, so that nothing is cut off.
const WIDTH = 1280, HEIGHT = 720;
const leaves = () => [...document.querySelectorAll(".slides section")].filter(
  (section) => !section.querySelector("section"));

for (const section of leaves()) {
  const content = document.createElement("div");
  content.className = "fitted";
  content.append(...section.childNodes);
  section.append(content);
}

function fit() {
  for (const section of leaves()) {
    const content = section.firstElementChild;
    const hidden = [section, section.parentElement].filter((one) => one.matches("section"));
    const before = hidden.map((one) => one.style.cssText);
    for (const one of hidden) one.style.cssText += ";display:block!important";
    content.style.zoom = 1;
    for (let scale = 1; scale > 0.3; scale -= 0.05) {
      content.style.zoom = scale;
      if (section.scrollHeight <= HEIGHT && section.scrollWidth <= WIDTH) break;
    }
    hidden.forEach((one, number) => { one.style.cssText = before[number]; });
  }
  Reveal.layout();
}

Reveal.initialize({
  width: WIDTH, height: HEIGHT, margin: 0, center: false, hash: true, slideNumber: "c/t",
  transition: "none",
}).then(() => Promise.all([...document.images].map((image) => image.decode().catch(() => {}))))
  .then(() => { fit(); document.body.dataset.ready = "yes"; });
