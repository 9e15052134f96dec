/* Bars: of a funnel, of what became of candidates, and of distributions. */

const OUTCOMES = ["kept", "rejected", "failed"];

// How patterns are called where they are not called by their outcome.
const LABELS = { waiting: "no verdict yet", other: "rejected otherwise, or failed" };

// The steps that count the same: what is left of a step is no share of something else.
const PAIR_STEPS = [
  ["matched", "named in a title"],
  ["candidates", "within the quota"],
  ["downloaded", "downloaded"],
  ["matching", "first frames match"],
  ["long_enough", "long enough"],
  ["kept", "kept"],
  ["with_clip", "give a clip"],
];

// Likewise where neighbours of images were taken.
const NEIGHBOUR_STEPS = [
  ["candidates", "candidates"],
  ["downloaded", "compared"],
  ["matching", "among the nearest"],
  ["long_enough", "long enough"],
  ["kept", "kept"],
  ["with_clip", "give a clip"],
];

/**
 * Rows of a funnel: a bar for each step that counts pairs, and what is left of the step before it.
 * Titles and clips are of other units, and stand apart, each below its own heading.
 */
function funnelOf(funnel) {
  const { titles, clips, with_clip: withClip, matched } = funnel;
  const scale = Math.max(matched, 1);
  const steps = facts.neighbours ? NEIGHBOUR_STEPS : PAIR_STEPS;
  const pairs = steps.map(([step, label], index) => {
    const value = funnel[step];
    const before = index > 0 ? funnel[steps[index - 1][0]] : null;
    const bar = element("div", {
      class: "fill",
      style: { "--part": value / scale, "--before": before / scale },
    });
    return stepOf(step, label, value, bar, share(value, before));
  });
  const { inherited, inherited_with_clip: more } = funnel;
  const labels = withClip + more;
  const each = labels ? `${ROUGH.format(clips / labels)} a ${more ? "label" : "pair"}` : "";
  return element(
    "table",
    { class: "funnel" },
    titles === null ? null : unitOf("Titles", stepOf("titles", "looked at", titles)),
    unitOf(facts.neighbours ? "Videos" : "Pairs of video and class", ...pairs),
    inherited
      ? unitOf("Labels", stepOf("inherited", "from duplicates that were dropped", inherited))
      : null,
    unitOf("Clips, once for each class of their video", stepOf("clips", "clips", clips, null, each)),
  );
}

/** The rows that count the same, below a heading that says what. */
function unitOf(unit, ...rows) {
  const head = element("th", { colspan: 4, scope: "rowgroup" }, unit);
  return element("tbody", {}, element("tr", { class: "unit" }, head), rows);
}

function stepOf(step, label, value, bar = null, left = "") {
  return element(
    "tr",
    { "data-funnel": step, "data-value": value },
    element("th", { scope: "row" }, label),
    element("td", { class: "track" }, bar),
    element("td", { class: "number" }, count(value)),
    element("td", { class: "number left" }, left),
  );
}

/**
 * One bar of parts, {outcome, label, value}, beside each other; `whole` is its full width.
 * Parts of one outcome have the same pattern, and fade with their order.
 */
function stackOf(parts, whole) {
  const some = parts.filter(({ value }) => value > 0);
  const said = some.map(({ label, value }) => `${label} ${count(value)}`).join(", ");
  const order = {};
  const bars = some.map(({ outcome, value }) => {
    order[outcome] = (order[outcome] ?? -1) + 1;
    return element("i", {
      class: outcome,
      style: { "--part": value / whole, "--fade": fade(order[outcome]) },
    });
  });
  return element("div", { class: "stack", role: "img", "aria-label": said, title: said }, bars);
}

function fade(order) {
  return Math.max(1 - 0.22 * order, 0.35);
}

/** What became of candidates, as parts of a bar: kept, each reason, and those still without one. */
function partsOf({ kept, rejected, failed, candidates }) {
  const waiting = candidates - kept - total(rejected) - total(failed);
  const of = (outcome, counts) =>
    byCount(counts).map(([reason, value]) => ({ outcome, reason, label: reason, value }));
  return [
    { outcome: "kept", reason: null, label: "kept", value: kept },
    ...of("rejected", rejected),
    ...of("failed", failed),
    { outcome: "waiting", reason: null, label: LABELS.waiting, value: Math.max(waiting, 0) },
  ];
}

/** The legend of such a bar: every reason with its number and its share, grouped by outcome. */
function legendOf(parts, whole) {
  const groups = [...OUTCOMES, "waiting"].map((outcome) => {
    const own = parts.filter((part) => part.outcome === outcome);
    const sum = own.reduce((all, { value }) => all + value, 0);
    if (sum === 0 && !OUTCOMES.includes(outcome)) return null;
    const reasons = own.filter(({ reason, value }) => reason !== null && value > 0);
    const head = LABELS[outcome] ?? outcome;
    return element(
      "table",
      {},
      element("tbody", {}, [
        legendRow({ outcome, label: head, value: sum }, whole, 0, true),
        ...reasons.map((part, order) => legendRow(part, whole, order, false)),
      ]),
    );
  });
  return element("div", { class: "legend" }, groups);
}

function legendRow({ outcome, reason, label, value }, whole, order, isHead) {
  const swatch = element("i", { class: `swatch ${outcome}`, style: { "--fade": fade(order) } });
  return element(
    "tr",
    {
      class: isHead ? "head" : null,
      "data-outcome": outcome,
      "data-reason": reason ?? null,
      "data-value": value,
    },
    element("th", { scope: "row", title: reason ?? null }, swatch, label),
    element("td", { class: "number" }, count(value)),
    element("td", { class: "number left" }, share(value, whole)),
  );
}

/** A histogram: a row for each range or name, with its bar and its number. */
function chartOf({ title, unit, counts, bins, note }) {
  const sums = bins.map((bin) => bin.kept + bin.rejected + bin.failed);
  const most = Math.max(...sums, 1);
  const rows = bins.map((bin, index) => {
    const parts = OUTCOMES.map((outcome) => ({ outcome, label: outcome, value: bin[outcome] }));
    return element(
      "tr",
      {
        "data-bin": bin.label,
        "data-kept": bin.kept,
        "data-rejected": bin.rejected,
        "data-failed": bin.failed,
      },
      element("th", { scope: "row" }, quoted(bin.label)),
      element("td", { class: "track" }, stackOf(parts, most)),
      element("td", { class: "number" }, count(sums[index])),
    );
  });
  const axis = element("p", { class: "axis" }, element("span", {}, unit), counts);
  return element(
    "figure",
    { class: "chart", "data-histogram": title },
    element("figcaption", {}, title),
    axis,
    element("table", {}, element("tbody", {}, rows)),
    note ? element("p", { class: "note" }, note) : null,
  );
}

/** What the patterns mean. */
function keyOf(outcomes) {
  const items = outcomes.map((outcome) =>
    element("li", {}, element("i", { class: `swatch ${outcome}` }), LABELS[outcome] ?? outcome),
  );
  return element("ul", { class: "key" }, items);
}
