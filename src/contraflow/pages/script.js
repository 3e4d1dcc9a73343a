"use strict";

// Tables with the class "sortable": a click on a heading sorts by its column, another one turns the order round.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const text = heading.dataset.kind === "text";
      const before = heading.getAttribute("aria-sort");
      const falling = before ? before === "ascending" : !text;
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const compare = (a, b) => (text ? value(a).localeCompare(value(b)) : Number(value(a)) - Number(value(b)));
      const rows = [...body.rows].sort((a, b) => (falling ? compare(b, a) : compare(a, b)));
      body.append(...rows);
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    });
  });
}

// Where a tile of a sheet lies, as a background is put there.
function tilePosition(number, columns, rows) {
  const place = (at, of) => (of > 1 ? (100 * at) / (of - 1) : 0);
  return `${place(number % columns, columns)}% ${place(Math.floor(number / columns), rows)}%`;
}

// The contents show which section is being read.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const sections = [...document.querySelectorAll("main section[id]")];
function showPlace() {
  const atEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 4;
  const passed = sections.filter((section) => section.getBoundingClientRect().top < window.innerHeight / 3);
  const current = atEnd ? sections.at(-1) : passed.at(-1) ?? sections[0];
  for (const [id, link] of links) {
    if (id === current.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
addEventListener("scroll", showPlace, { passive: true });
showPlace();
