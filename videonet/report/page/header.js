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
    lastRun(),
  );
  if (facts.sampled) {
    top.append(
      element("p", { class: "notice" }, "Made from a part of the candidates: numbers are of them."),
    );
  }
  top.append(
    sizesOf(facts.sizes),
    element(
      "div",
      { class: "answers" },
      answerOf("thin", "Classes that are too thin", "No class is much thinner than the others.", {
        note: thinText(),
        total: facts.thin_classes,
        target: "classes",
        jump: (about) => tables.classes.reveal((row) => nameOf(row.target_id) === about, about),
      }),
      facts.neighbours
        ? null
        : answerOf("drop", "Names to drop", "No name stands out as noise.", {
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

/** When and how the data set was made. */
function lastRun() {
  if (facts.last_run === null) return null;
  const { begun, command } = facts.last_run;
  const text = element("code", { title: command }, command);
  return element("p", { class: "run" }, `Last run ${begun}: `, text);
}

/** How much there is, at a glance: a number, what it counts, and what is to be known of it. */
function sizesOf(sizes) {
  const { kept, kept_seconds: keptSeconds, with_clip: withClip } = sizes;
  const { clips, clip_seconds: clipSeconds, frames } = sizes;
  const { classes, classes_with_clip: classesWithClip, creative_commons: free } = sizes;
  const { channels, without_channel: noChannel, licences, without_licence: noLicence } = sizes;
  const { motion } = sizes;
  const short = kept - withClip;
  const ofKept = `of ${time(keptSeconds)} kept`;
  const parts = [
    sizeOf("clips", clips, "clip", clipSeconds === null ? ofKept : `${time(clipSeconds)} ${ofKept}`),
    frames === null ? null : sizeOf("frames", frames, "frame", "in the clips"),
    sizeOf("with_clip", withClip, "video", short ? `${count(short)} more too short for a clip` : ""),
    sizeOf(
      "classes_with_clip",
      classesWithClip,
      ["class", "classes"],
      classes > classesWithClip ? `${count(classes - classesWithClip)} more without a clip` : "",
    ),
    sizeOf("channels", channels, "channel", stated(noChannel, kept)),
    sizeOf(
      "licences",
      licences,
      "licence",
      [stated(noLicence, kept), free ? `${count(free)} Creative Commons` : ""]
        .filter((each) => each)
        .join("; "),
    ),
    ...(motion ? motionOf(motion) : []),
  ];
  return kept ? element("dl", { class: "sizes" }, parts) : null;
}

/** How much does not move, and how much crosses a cut. */
function motionOf({ still, windows, crossed, left_out: leftOut }) {
  const left = leftOut ? `; ${count(leftOut)} more left out by the rules on clips` : "";
  return [
    sizeOf("still", still, "still clip", `90 % of the ticks or more repeat the one before${left}`),
    sizeOf(
      "crossed",
      crossed,
      ["window across a cut", "windows across a cut"],
      `of ${count(windows)} of 2.56 s, laid end to end in the clips`,
    ),
  ];
}

function sizeOf(name, value, noun, note) {
  const [one, many] = Array.isArray(noun) ? noun : [noun, `${noun}s`];
  return element(
    "div",
    { "data-size": name, "data-value": value },
    element("dt", {}, value === 1 ? one : many),
    element("dd", {}, count(value)),
    note ? element("dd", { class: "note" }, note) : null,
  );
}

/** Of how many kept videos something is stated. */
function stated(without, kept) {
  if (without === kept) return "none stated";
  return `stated for ${without ? `${count(kept - without)} of ` : "all "}${count(kept)} kept`;
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
