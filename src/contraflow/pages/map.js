// The map of embeddings: the image of the point nearest to the pointer, or of the one that the arrow keys go to.
const plot = document.querySelector(".plot");
if (plot) {
  const points = JSON.parse(document.getElementById("map-points").textContent);
  const [ring, peek, said] = [".ring", ".peek", ".said"].map((name) => plot.querySelector(name));
  const [tile, words] = [peek.querySelector(".tile"), peek.querySelector("p")];
  const { columns, rows } = tile.dataset;
  const texts = tile.dataset.said && JSON.parse(tile.dataset.said); // in place of images
  const count = points.image.length;
  let shown = -1;

  // The point with the least `cost(distance to the right, distance down)`, both in per cent of the plot; -1 for none.
  function best(left, top, cost) {
    let found = -1;
    let least = Infinity;
    for (let i = 0; i < count; i += 1) {
      const value = cost(points.left[i] - left, points.top[i] - top);
      if (value < least) [found, least] = [i, value];
    }
    return found;
  }

  function describe(i) {
    const number = `test ${texts ? "text" : "image"} ${points.image[i]}`;
    const actual = points.classes[points.actual[i]];
    const taken = points.classes[points.predicted[i]];
    if (actual === undefined) return [number, ""];
    return [actual, taken === undefined || taken === actual ? number : `${number}, taken for ${taken}`];
  }

  function show(i, aloud) {
    shown = i;
    ring.hidden = peek.hidden = i < 0;
    if (i < 0) return;
    const [left, top] = [points.left[i], points.top[i]];
    ring.style.left = `${left}%`;
    ring.style.top = `${top}%`;
    // Away from the edge that is nearer, so that the picture stays on the plot.
    Object.assign(peek.style, { left: "auto", right: "auto", top: "auto", bottom: "auto" });
    peek.style[left < 50 ? "left" : "right"] = `calc(${left < 50 ? left : 100 - left}% + 0.9rem)`;
    peek.style[top < 50 ? "top" : "bottom"] = `calc(${top < 50 ? top : 100 - top}% + 0.9rem)`;
    if (texts) tile.textContent = texts[i];
    tile.style.backgroundPosition = tilePosition(i, columns, rows);
    const [title, more] = describe(i);
    words.replaceChildren(Object.assign(document.createElement("b"), { textContent: title }), document.createElement("br"), more);
    if (aloud) said.textContent = `${title}, ${more}`;
  }

  const nearest = (x, y) => x * x + y * y;
  const near = (event) => {
    const box = plot.getBoundingClientRect();
    const [left, top] = [(100 * (event.clientX - box.left)) / box.width, (100 * (event.clientY - box.top)) / box.height];
    show(best(left, top, nearest), false);
  };
  plot.addEventListener("pointermove", (event) => event.pointerType === "mouse" && near(event));
  plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(-1));
  plot.addEventListener("click", near); // a finger's tap
  addEventListener("click", (event) => plot.contains(event.target) || show(-1));

  // The nearest point in a direction; what lies aside counts more than what lies ahead.
  const ahead = (along, aside) => (along > 0.3 ? along + 2.5 * Math.abs(aside) : Infinity);
  const directions = {
    ArrowRight: (x, y) => ahead(x, y),
    ArrowLeft: (x, y) => ahead(-x, y),
    ArrowDown: (x, y) => ahead(y, x),
    ArrowUp: (x, y) => ahead(-y, x),
  };
  plot.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(-1);
    else if (event.key in directions) {
      event.preventDefault();
      const next = shown < 0 ? best(50, 50, nearest) : best(points.left[shown], points.top[shown], directions[event.key]);
      if (next >= 0) show(next, true);
    }
  });
  plot.addEventListener("focus", () => plot.matches(":focus-visible") && shown < 0 && show(best(50, 50, nearest), true));
  plot.addEventListener("blur", () => show(-1));
}
