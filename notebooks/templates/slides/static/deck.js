// Content that is larger than its slide is made smaller as a whole, so that nothing is cut off.
const WIDTH = 1280, HEIGHT = 720, STRIP = 64;  // the strip is for arrows and the slide's number
const PICTURE_HEIGHTS = [600, 540, 480, 420, 360], LARGEST = 1.6;  // times a picture's own size
const leaves = () => [...document.querySelectorAll(".slides section")].filter(
  (section) => !section.querySelector("section"));

for (const section of leaves()) {
  const content = document.createElement("div");
  content.className = "fitted";
  content.append(...section.childNodes);
  section.append(content);
}
for (const cell of document.querySelectorAll("th,td"))  // a_long_name may break where it has _
  if (!cell.children.length) cell.innerHTML = cell.innerHTML.replaceAll("_", "_<wbr>");

const fits = (section, content = section.firstElementChild) =>
  section.scrollHeight <= HEIGHT - STRIP && content.scrollWidth <= content.clientWidth;

// First a picture gives way, then everything.
function shrink(section) {
  const content = section.firstElementChild, pictures = content.querySelectorAll("img");
  content.style.zoom = 1;
  for (const height of PICTURE_HEIGHTS) {
    for (const picture of pictures)
      picture.style.height = `${Math.min(height, LARGEST * picture.naturalHeight)}px`;
    if (fits(section)) return;
  }
  for (let scale = 0.95; scale > 0.3 && !fits(section); scale -= 0.05) content.style.zoom = scale;
}

function fit() {
  for (const section of leaves()) {
    const hidden = [section, section.parentElement].filter((one) => one.matches("section"));
    const before = hidden.map((one) => one.style.cssText);
    for (const one of hidden) one.style.cssText += ";display:block!important";
    shrink(section);
    hidden.forEach((one, number) => { one.style.cssText = before[number]; });
  }
  Reveal.layout();
}

Reveal.initialize({
  width: WIDTH, height: HEIGHT, margin: 0, center: false, hash: true, slideNumber: "c/t",
  transition: "none",
}).then(() => Promise.all([...document.images].map((image) => image.decode().catch(() => {}))))
  .then(() => { fit(); document.body.dataset.ready = "yes"; });
