// The page of `contraflow watch` keeps up with what is at work: what has changed is put into its place.
const places = new Map([...document.querySelectorAll("[data-part]")].map((place) => [place.dataset.part, place]));
const shown = new Map();
const looked = document.getElementById("looked");
const every = 1000 * Number(looked.dataset.every);
let tag = "";

function put({ title, parts }) {
  const names = Object.keys(parts);
  if (names.length !== places.size || !names.every((name) => places.has(name))) {
    location.reload(); // an experiment has come or gone
    return;
  }
  document.title = title;
  for (const name of names) {
    if (shown.get(name) !== parts[name]) places.get(name).innerHTML = parts[name]; // escaped by the server
    shown.set(name, parts[name]);
  }
}

async function look() {
  try {
    const answer = await fetch("changing.json", { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.ok) {
      put(await answer.json());
      tag = answer.headers.get("ETag");
    }
    if (answer.ok || answer.status === 304) looked.textContent = `As of ${new Date().toLocaleTimeString()}.`;
  } catch {
    looked.textContent = "contraflow watch does not answer: the page shows what it said last.";
  }
  setTimeout(look, every);
}
look();
