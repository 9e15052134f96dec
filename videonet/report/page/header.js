/* What one sees first: the run in a sentence, and three answers. */

// Answers of each kind that are seen at first: so many fit on the first screen, uncut.
const ANSWERS = 3;

function drawHeader(tables) {
  const top = section("top");
  const isDone = facts.state === "finished";
  top.append(
    element(
      "div",
      { class: "headline" },
      element("h1", {}, quoted(facts.dataset)),
      element("span", { class: isDone ? "state done" : "state" }, facts.state),
    ),
    element("p", { class: "summary" }, facts.summary),
  );
  if (facts.sampled) {
    top.append(
      element("p", { class: "notice" }, "Made from a part of the candidates: numbers are of them."),
    );
  }
  top.append(
    element(
      "div",
      { class: "answers" },
      answerOf("thin", "Classes that are too thin", "No class is much thinner than the others.", {
        note: thinText(),
        total: facts.thin_classes,
        target: "classes",
        jump: (about) => tables.classes.reveal((row) => nameOf(row.target_id) === about, about),
      }),
      answerOf("drop", "Names to drop", "No name stands out as noise.", {
        target: "names",
        jump: (about) => tables.names.reveal((row) => row.name === about, about),
      }),
      answerOf("chase", "Failures to chase", "Nothing failed.", {
        target: "failures",
        jump: (about) => {
          const all = [...document.querySelectorAll("#failures article")];
          const found = all.filter((each) => each.dataset.reason === about);
          if (found.length) point(found);
          return found.length > 0;
        },
      }),
    ),
  );
}

/** How many classes are too thin, where the answers tell of some alone. */
function thinText() {
  const { thin, thin_classes: thinClasses } = facts;
  if (thinClasses <= thin.length) return null;
  return `${count(thinClasses)} of ${count(facts.classes.length)}; the most urgent:`;
}

function answerOf(kind, title, nothing, { note = null, total = null, target, jump }) {
  const items = facts[kind].map(({ about, text }) => {
    const onclick = (event) => {
      if (picked !== null) pick(null);
      if (jump(about)) event.preventDefault();
    };
    const link = element("a", { href: `#${target}`, onclick }, sentence(about, text));
    return element("li", { "data-about": about }, link);
  });
  return element(
    "div",
    {
      class: items.length ? "answer" : "answer nothing",
      "data-answer": kind,
      "data-total": total,
    },
    element("h2", {}, title, note ? element("span", {}, ` ${note}`) : null),
    items.length
      ? element("ol", {}, items.slice(0, ANSWERS))
      : element("p", { class: "help" }, nothing),
    items.length > ANSWERS
      ? element(
          "details",
          {},
          element("summary", {}, `${count(items.length - ANSWERS)} more`),
          element("ol", {}, items.slice(ANSWERS)),
        )
      : null,
  );
}

/** The sentence with what it is about, with which most begin, in bold. */
function sentence(about, text) {
  const begins = [about, `“${about}”`].find((each) => text.startsWith(each));
  if (begins === undefined) return element("bdi", {}, text);
  return element("bdi", {}, element("b", {}, begins), text.slice(begins.length));
}
