/* Tables that sort by a click on a column's head and search as one types. */

// Rows that are drawn at first, and with each "more": the rest costs nothing until it is asked for.
const FIRST = 25;
const MORE = 100;

const ALPHABET = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * A table of `rows`, in `place`.
 *
 * A column is {id, label, help, value, show}: `value` gives what is sorted by and stands in the
 * cell's data-value, a number, a text or null; `show` gives what stands in the cell. `sort` is
 * {column, descending}. `attributes(row)` go to the row's <tr>. `texts(row)` are searched.
 * `details(row)`, if given, gives what a row unfolds to. `shown(row)` says whether a row is shown
 * at all; call `draw()` when that changes. `empty` is {is, text}: rows of which `is(row)` holds
 * are left out unless they are searched or asked for, and `text` says what they have not.
 */
function listing({ place, noun, columns, rows, attributes, texts, details, shown, sort, empty }) {
  const indexed = rows.map((row, index) => ({ row, index, text: folded(texts(row).join("\n")) }));
  const unfolded = new Set();
  let limit = FIRST;
  let visible = [];
  let showsEmpty = empty === undefined;

  const heads = columns.map((column) => headOf(column, () => sortBy(column)));
  const body = element("tbody");
  const table = element("table", {}, element("thead", {}, element("tr", {}, heads)), body);
  const field = element("input", {
    type: "search",
    placeholder: `Search ${noun}`,
    "aria-label": `Search ${noun}`,
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => draw(FIRST),
  });
  const said = element("span", { class: "said", role: "status" });
  const more = element("p", { class: "more" });
  place.append(
    element("div", { class: "tools" }, field, said),
    scrollerOf(table),
    more,
  );

  function sortBy(column) {
    const again = sort.column === column.id;
    sort = { column: column.id, descending: again ? !sort.descending : !isText(column) };
    draw(limit);
  }

  function isText(column) {
    return column.kind === "text";
  }

  function compare(a, b) {
    const column = columns.find((each) => each.id === sort.column);
    const [left, right] = [column.value(a.row), column.value(b.row)];
    if (left === null || right === null) {
      // What is not known comes last, whichever way it is sorted.
      return (left === null) - (right === null) || a.index - b.index;
    }
    const order = isText(column) ? ALPHABET.compare(left, right) : left - right;
    return (sort.descending ? -order : order) || a.index - b.index;
  }

  /** Draws the rows again, the first `most` of them. */
  function draw(most = FIRST) {
    limit = most;
    const sought = folded(field.value.trim());
    const belonging = indexed.filter(({ row }) => shown(row));
    const isLeftOut = ({ row }) => !showsEmpty && sought === "" && empty.is(row);
    const found = belonging.filter(({ text }) => text.includes(sought));
    visible = found.filter((each) => !isLeftOut(each)).sort(compare);
    const emptyRows = found.length - visible.length;
    body.replaceChildren(...visible.slice(0, limit).flatMap(rowsOf));
    heads.forEach((head, index) => {
      const isSorted = columns[index].id === sort.column;
      const order = sort.descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", isSorted ? order : "none");
    });
    const isAll = visible.length === belonging.length && !sought;
    const part = isAll ? "" : `${count(visible.length)} of `;
    const rest = emptyRows ? `; the others have ${empty.text}` : "";
    said.textContent = `${part}${count(belonging.length)} ${noun}${rest}`;
    const left = visible.length - limit;
    more.replaceChildren();
    if (left > 0) {
      const next = Math.min(left, MORE);
      more.append(
        element("span", {}, `The first ${count(limit)} are shown. `),
        left > MORE
          ? element("button", { onclick: () => extend(MORE) }, `Show ${count(next)} more`)
          : "",
        element("button", { onclick: () => extend(Infinity) }, `Show all ${count(visible.length)}`),
      );
    }
    if (emptyRows > 0) {
      const label = `Show ${count(emptyRows)} with ${empty.text}`;
      more.append(element("button", { class: "empty", onclick: showEmpty }, label));
    }
  }

  /** Draws those too that were left out; who uses the keyboard goes on from the first of them. */
  function showEmpty() {
    showsEmpty = true;
    draw(visible.length + MORE);
    const first = visible.findIndex(({ row }) => empty.is(row));
    focusOn(drawnRows()[first]);
  }

  /** Draws so many more rows; who uses the keyboard goes on from the first of them. */
  function extend(by) {
    const old = limit;
    draw(limit + by);
    focusOn(drawnRows()[old]);
  }

  function drawnRows() {
    return [...body.children].filter((each) => !each.classList.contains("details"));
  }

  function rowsOf({ row, index }) {
    const cells = columns.map((column) => cellOf(column, row));
    const made = element("tr", attributes(row), cells);
    if (!details) return [made];
    const button = element("button", {
      class: "fold",
      "aria-label": `Reasons: ${texts(row)[0]}`,
      "aria-expanded": unfolded.has(index) ? "true" : "false",
      onclick: () => {
        if (unfolded.delete(index)) made.nextSibling.remove();
        else made.after(detailsOf(row, index));
        button.setAttribute("aria-expanded", unfolded.has(index) ? "true" : "false");
      },
    });
    cells[0].prepend(button);
    return unfolded.has(index) ? [made, detailsOf(row, index)] : [made];
  }

  function detailsOf(row, index) {
    unfolded.add(index);
    const cell = element("td", { colspan: columns.length }, details(row));
    return element("tr", { class: "details" }, cell);
  }

  /**
   * Scrolls to the rows of which `isIt` holds, or returns false. Searches for `text`, which they
   * have, where they are far down.
   */
  function reveal(isIt, text) {
    if (!rows.some(isIt)) return false;
    const near = (all) => all.slice(0, limit).some(({ row }) => isIt(row));
    if (!near(visible)) {
      field.value = text;
      draw(FIRST);
      if (!near(visible)) draw(Infinity);
    }
    const found = drawnRows().filter((_, position) => isIt(visible[position].row));
    point(found);
    return true;
  }

  draw();
  return { draw, reveal };
}

/** Scrolls to the first of some elements, and marks them all until there are others. */
function point(found) {
  for (const each of document.querySelectorAll(".pointed")) each.classList.remove("pointed");
  for (const each of found) each.classList.add("pointed");
  // Who uses the keyboard goes on from there.
  focusOn(found[0]);
  found[0].scrollIntoView({ block: "center" });
}

function headOf({ id, label, help, kind }, onclick) {
  const button = element("button", { onclick, title: help ?? null }, label);
  return element("th", { scope: "col", "data-column": id, class: kind ?? "number" }, button);
}

function cellOf({ id, kind, value, show }, row) {
  const raw = value(row);
  const attributes = { class: kind ?? "number", "data-column": id, "data-value": raw };
  return element("td", attributes, show ? show(row) : count(raw));
}
