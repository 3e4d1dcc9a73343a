// The search box: the texts that contain what is typed, and what the one that is chosen finds.
const box = document.querySelector(".search");
if (box) {
  const LISTED = 20;
  const data = JSON.parse(document.getElementById("search-data").textContent);
  const alone = !data.texts; // texts, which find texts
  const texts = data.texts ?? data.query.map((item) => data.items[item]);
  const folded = (text) => text.normalize("NFKC").toLowerCase();
  const searched = texts.map(folded);
  const [input, status, matches, own, found] = ["input", "[role=status]", ".matches", ".own bdi", ".anchors ol"].map(
    (name) => box.querySelector(name),
  );
  const { columns, rows } = box.dataset;

  function make(tag, content, attributes = {}) {
    const element = document.createElement(tag);
    element.append(...content);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  // What is found, by its place among all that may be: a picture, or a text.
  function item(place, similarity, right) {
    const word = right ? "✓ right" : "✗ wrong";
    const number = data.items[place];
    const said = make("span", [alone ? similarity : `${similarity} · no.\u00a0${number}`], { class: "quiet" });
    const told = make("p", [said, make("br", []), make("strong", [word])]);
    if (alone) return make("li", [make("bdi", [number], { class: "text" }), told], { class: right ? "right" : "wrong" });
    const label = `${right ? "Right" : "Wrong"}: test image ${number}, similarity ${similarity}`;
    const tile = make("span", [], { class: "tile coarse", role: "img", "aria-label": label });
    tile.style.backgroundPosition = tilePosition(place, columns, rows);
    return make("li", [tile, told], { class: right ? "right" : "wrong" });
  }

  function choose(number) {
    for (const button of matches.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button.dataset.number === String(number));
    }
    own.textContent = texts[number];
    const items = data.found[number].map((place, i) =>
      item(place, (data.similarity[number][i] / 1000).toFixed(3).replace("-", "−"), data.right[number].includes(i)),
    );
    found.replaceChildren(...items);
  }

  function look() {
    const words = folded(input.value).split(/\s+/).filter(Boolean);
    const all = [...texts.keys()].filter((i) => words.every((word) => searched[i].includes(word)));
    const listed = all.slice(0, LISTED);
    const more = all.length > LISTED ? `; the ${LISTED} shortest are listed` : "";
    status.textContent = `${all.length.toLocaleString("en")} of ${texts.length.toLocaleString("en")} texts${more}`;
    const buttons = listed.map((i) => {
      const button = make("button", [texts[i]], { type: "button", dir: "auto", "data-number": i });
      button.addEventListener("click", () => choose(i));
      return make("li", [button]);
    });
    matches.replaceChildren(...buttons);
    own.textContent = "";
    found.replaceChildren();
    if (listed.length) choose(listed[0]);
  }

  input.addEventListener("input", look);
  look();
  box.hidden = false;
}
