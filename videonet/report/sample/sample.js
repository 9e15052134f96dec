/* The page: its head, what one searches and marks with, the classes, and the keyboard. */

const facts = JSON.parse(document.getElementById("facts").textContent);
const loops = JSON.parse(document.getElementById("loops").textContent);
document.getElementById("loops").remove();

const ALPHABET = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const ORDERS = {
  sure: { text: "least sure first", order: (a, b) => (a.probability ?? 2) - (b.probability ?? 2) },
  name: { text: "by name", order: (a, b) => ALPHABET.compare(a.name, b.name) },
  listed: { text: "as in the class list", order: () => 0 },
};
const SHOWN = {
  all: { text: "all clips", is: () => true },
  open: { text: "not marked yet", is: (mark) => mark === null },
  keep: { text: "to keep", is: (mark) => mark === "keep" },
  drop: { text: "to drop", is: (mark) => mark === "drop" },
};

const HINTS = [
  ...[["← ↑ → ↓", "from clip to clip"], ["K", "keep"], ["D", "drop"], ["U", "undo"], ["/", "search"]],
  ["P", "pause or go on"],
];

const groups = facts.classes.map((group, place) => groupOf(group, place));
const cards = groups.flatMap((group) => group.cards);
// A video may be shown for several classes.
const byKey = new Map(cards.map(({ card }) => [card.video_key, []]));
for (const made of cards) byKey.get(made.card.video_key).push(made);
const marks = marksOn(facts.cards, facts.identity, showMarks);

const field = element("input", {
  type: "search",
  placeholder: "Search classes, titles, channels, ids",
  "aria-label": "Search clips",
  autocomplete: "off",
  spellcheck: "false",
  oninput: filter,
});
const orders = choice("Order of the classes", ORDERS, arrange);
const shown = choice("Which clips are shown", SHOWN, filter);
const pausing = button("Pause", "P", () => pause(!document.body.classList.contains("paused")));
const undoing = button("Undo", "U", undo);
const saving = element("button", { type: "button", class: "save", onclick: save }, "Download marks");
const said = element("span", { class: "said", role: "status" });
const tally = element("span", { class: "tally", role: "status" });
const nothing = element("p", { class: "nothing", hidden: true }, "No clip is like that.");
const forgetful = notice("This browser keeps no marks for this page: download them before you close it.");
let current = null;

function button(text, key, onclick) {
  const hint = element("kbd", { "aria-hidden": "true" }, key);
  return element("button", { type: "button", onclick, "aria-keyshortcuts": key }, text, hint);
}

function choice(label, options, onchange) {
  const made = Object.entries(options).map(([value, { text }]) => element("option", { value }, text));
  const select = element("select", { onchange, "aria-label": label, title: label }, made);
  return { chosen: () => options[select.value], element: select };
}

function notice(text) {
  return element("p", { class: "notice" }, text);
}

function groupOf(group, place) {
  const own = facts.cards
    .filter((card) => card.place === place)
    .map((card) => cardOf(card, group, { neighbours: facts.neighbours, loops, mark, focus }));
  const about = [
    `${count(own.length)} of ${counted(group.videos, "video")}`,
    group.probability === null ? null : `${sure(group.probability, facts.neighbours)}${facts.neighbours ? "" : " sure"} on average`,
  ];
  const section = element(
    "section",
    { "data-class": group.target_id },
    element(
      "h2",
      {},
      quoted(group.name),
      element("code", {}, group.wnid ?? (group.target_id === group.name ? "" : group.target_id)),
      element("span", { class: "said" }, about.filter((each) => each !== null).join(" · ")),
    ),
    element("div", { class: "clips" }, own.map((made) => made.article)),
  );
  return { ...group, place, section, cards: own };
}

function drawHeader() {
  document.getElementById("top").append(
    element("div", { class: "headline" }, element("h1", {}, quoted(facts.dataset)), "a sample of its clips"),
    element("p", { class: "summary" }, facts.summary),
    ...facts.notes.map(notice),
    forgetful,
    element(
      "p",
      { class: "help" },
      "Each loop is a whole clip in 12 frames. ",
      facts.neighbours
        ? "Its number says how near the frame is that is nearest to the images of the class. "
        : "Its number says how sure the classifier is in the frame that confirms the class most. ",
      "A mark is of a video, in all of its classes. ",
      "Download your marks, and take out what is to be dropped: ",
      element("code", {}, "videonet withdraw OUT --from marks.json"),
    ),
    element("p", { class: "help keys" }, ...HINTS.flatMap(([key, does]) => [element("kbd", {}, key), ` ${does} `])),
  );
  document.getElementById("bench").append(
    element("div", { class: "find" }, field, said),
    element("div", { class: "choices" }, orders.element, shown.element, pausing),
    element("div", { class: "marks" }, tally, undoing, saving),
  );
  document.getElementById("classes").after(nothing);
}

// Marks.

function showMarks(keys) {
  for (const key of keys) for (const made of byKey.get(key)) made.show(marks.of(key));
  tally.replaceChildren(
    element("b", { class: "keep" }, count(marks.count("keep"))),
    " keep ",
    element("b", { class: "drop" }, count(marks.count("drop"))),
    " drop ",
    element("span", {}, `of ${counted(byKey.size, "video")}`),
  );
  undoing.disabled = !marks.canUndo();
  saving.disabled = marks.count("keep") + marks.count("drop") === 0;
  forgetful.hidden = marks.isRemembered();
}

/** Marks the video of a card, or takes that mark away; the mark that it has now. */
function mark(made, which) {
  return marks.toggle(made.card.video_key, which);
}

function undo() {
  const key = marks.undo();
  if (key === null) return;
  const visible = byKey.get(key).find(({ article }) => !article.hidden);
  if (visible) go(visible);
}

function save() {
  const file = new Blob([marks.file(facts.manifest_sha256)], { type: "application/json" });
  const href = URL.createObjectURL(file);
  element("a", { href, download: `marks-${facts.identity.slice(0, 8)}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

// What is shown.

function filter() {
  const words = folded(field.value).split(/\s+/).filter((each) => each);
  const { is } = shown.chosen();
  let found = 0;
  for (const { section, cards: own } of groups) {
    let here = 0;
    for (const { article, card, text } of own) {
      const isFound = words.every((each) => text.includes(each)) && is(marks.of(card.video_key));
      article.hidden = !isFound;
      here += isFound;
    }
    section.hidden = here === 0;
    found += here;
  }
  const part = found === cards.length ? "" : `${count(found)} of `;
  said.textContent = `${part}${counted(cards.length, "clip")}`;
  nothing.hidden = found > 0;
  if (current === null || current.article.hidden) focus(visibleCards()[0] ?? null);
}

function arrange() {
  const { order } = orders.chosen();
  groups.sort((a, b) => order(a, b) || a.place - b.place);
  document.getElementById("classes").append(...groups.map(({ section }) => section));
}

function pause(isPaused) {
  document.body.classList.toggle("paused", isPaused);
  pausing.setAttribute("aria-pressed", String(isPaused));
}

/** All cards that can be seen, in their order on the page. */
function visibleCards() {
  return groups.flatMap((group) => group.cards).filter(({ article }) => !article.hidden);
}

// The keyboard.

/** From now on the keys are for this card. */
function focus(made) {
  if (made === current) return;
  current?.reach(false);
  current = made;
  current?.reach(true);
}

function go(made) {
  focus(made);
  made.article.focus({ preventScroll: true });
  made.article.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const visible = visibleCards();
  const next = visible[visible.indexOf(current) + by];
  if (next) go(next);
}

/** To the card in the next row, down or up, that is the nearest one. */
function stepRow(down) {
  const visible = visibleCards();
  const from = current.article.getBoundingClientRect();
  const place = visible.indexOf(current);
  const others = down ? visible.slice(place + 1) : visible.slice(0, place).reverse();
  let row = null;
  let best = null;
  for (const made of others) {
    const rect = made.article.getBoundingClientRect();
    if (Math.abs(rect.top - from.top) < 2) continue;
    row ??= rect.top;
    if (Math.abs(rect.top - row) > 2) break;
    const distance = Math.abs(rect.left - from.left);
    if (best === null || distance < best.distance) best = { made, distance };
  }
  if (best) go(best.made);
}

/** Marks the card that the keys are for, and goes on to the next one. */
function markHere(which) {
  const visible = visibleCards();
  const next = visible[visible.indexOf(current) + 1];
  const isMarked = mark(current, which) === which;
  go(isMarked && next ? next : current);
}

const KEYS = {
  ArrowRight: () => step(1),
  ArrowLeft: () => step(-1),
  ArrowDown: () => stepRow(true),
  ArrowUp: () => stepRow(false),
  k: () => markHere("keep"),
  d: () => markHere("drop"),
  u: undo,
  p: () => pausing.click(),
  "/": () => field.focus(),
};
const OF_A_CARD = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "k", "d"];

addEventListener("keydown", (event) => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isTyped = event.target.matches("input, select, textarea");
  if (isTyped || event.ctrlKey || event.altKey || event.metaKey || !(key in KEYS)) return;
  if (OF_A_CARD.includes(key)) {
    if (current === null) return;
    // The first key only points at the card that the next ones are for.
    if (!current.article.contains(document.activeElement)) {
      event.preventDefault();
      go(current);
      return;
    }
  }
  event.preventDefault();
  KEYS[key]();
});

// Loops move only while they are near the window.
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const { frame } = ofArticle.get(target);
      if (isIntersecting) frame.load();
      else frame.unload();
    }
  },
  { rootMargin: "400px" },
);
const ofArticle = new Map(cards.map((made) => [made.article, made]));

const still = matchMedia("(prefers-reduced-motion: reduce)");
still.addEventListener("change", () => pause(still.matches));

drawHeader();
showMarks([...byKey.keys()]);
arrange();
filter();
pause(still.matches);
for (const { article } of cards) near.observe(article);
