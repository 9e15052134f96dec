/* The three long tables: classes, names, confusions. */

/** Rows with the most candidates first: of equal yields, the one that cost most in vain. */
function byCandidates(rows, candidatesOf) {
  return [...rows].sort((a, b) => candidatesOf(b) - candidatesOf(a));
}

function drawClasses() {
  const widest = Math.max(...facts.classes.map(({ funnel }) => funnel.candidates), 1);
  const step = (id, label, hint) => ({ id, label, help: hint, value: (row) => row.funnel[id] });
  const shortfall = (row) => Math.max(row.quota - row.funnel.candidates, 0);
  const outcomes = (row) => partsOf({ ...row, ...row.funnel });
  const place = section("classes");
  place.append(
    help(
      "Worst yield first. Click on a head to sort, on a class to see its ",
      facts.neighbours ? "" : "names, confusions and ",
      "pictures alone, on the arrow for its reasons. A bar that is short has few candidates.",
    ),
    keyOf(OUTCOMES),
  );
  return listing({
    place,
    noun: "classes",
    rows: byCandidates(facts.classes, ({ funnel }) => funnel.candidates),
    attributes: (row) => ({ "data-class": row.target_id }),
    texts: (row) => [nameOf(row.target_id), row.target_id],
    shown: () => true,
    sort: { column: "yield", descending: false },
    empty: { is: ({ funnel }) => funnel.matched === 0, text: "no candidate" },
    columns: [
      {
        id: "name",
        label: "class",
        kind: "text",
        value: (row) => nameOf(row.target_id),
        show: (row) => pickerOf(row.target_id),
      },
      ...(facts.neighbours
        ? [step("candidates", "candidates", "Videos that are nearest to it")]
        : [
            step("matched", "found", "Titles that name the class, also beyond the quota"),
            step("candidates", "candidates", "Those within the quota"),
          ]),
      {
        id: "shortfall",
        label: "short of quota",
        help: "Candidates that are missing to the quota",
        value: shortfall,
      },
      ...(facts.neighbours
        ? [step("matching", "nearest", "As many of them as were asked for, the nearest")]
        : [
            step("downloaded", "downloaded", "Those whose first frames were here, or the whole file"),
            step("matching", "matching", "Of them, those of which a first frame shows the class"),
          ]),
      step("long_enough", "long enough", "Of them, those that are long enough"),
      step("kept", "kept"),
      {
        id: "yield",
        label: "yield",
        help: "Kept of candidates",
        value: ({ funnel }) => (funnel.candidates ? funnel.kept / funnel.candidates : null),
        show: ({ funnel }) => share(funnel.kept, funnel.candidates),
      },
      ...(facts.funnel.inherited
        ? [step("inherited", "by duplicates", "Labels that kept videos have from duplicates that were dropped")]
        : []),
      step("clips", "clips"),
      {
        id: "outcomes",
        label: "kept, rejected, failed",
        help: "Sorts by what was rejected or failed",
        kind: "bar",
        value: ({ rejected, failed }) => total(rejected) + total(failed),
        show: (row) => stackOf(outcomes(row), widest),
      },
    ],
    details: (row) =>
      element(
        "div",
        { class: "halves" },
        element("div", {}, funnelOf(row.funnel), quotaOf(row)),
        legendOf(outcomes(row), row.funnel.candidates),
      ),
  });
}

function quotaOf({ quota, funnel }) {
  const missing = quota - funnel.candidates;
  const text = missing > 0 ? `${count(missing)} short of the quota of ` : "The quota is full: ";
  return element("p", { class: "note" }, `${text}${counted(quota, "candidate")}.`);
}

function drawNames() {
  const place = section("names");
  const isSearched = facts.names.some(({ queries }) => queries !== null);
  const number = (id, label, hint) => ({ id, label, help: hint, value: (row) => row[id] });
  const widest = Math.max(...facts.names.map(({ candidates }) => candidates), 1);
  const parts = (row) => [
    { outcome: "kept", label: "kept", value: row.kept },
    { outcome: "rejected", label: "show something else", value: row.no_match },
    { outcome: "other", label: LABELS.other, value: row.other },
  ];
  place.append(
    help(
      "What each name of a class brought, worst yield first. Noise: no frame shows the class. ",
      "Only: candidates that no other name of the class brought, so what would be lost without it.",
    ),
    keyOf(["kept", "noise", "other"]),
  );
  return listing({
    place,
    noun: "names",
    rows: byCandidates(facts.names, (row) => row.candidates),
    attributes: (row) => ({ "data-class": row.target_id, "data-name": row.name }),
    texts: (row) => [row.name, nameOf(row.target_id)],
    shown: isPicked,
    sort: { column: "yield", descending: false },
    empty: {
      is: (row) => row.candidates === 0 && !row.results && picked === null,
      text: "no candidate",
    },
    columns: [
      {
        id: "name",
        label: "name",
        kind: "text",
        value: (row) => row.name,
        show: (row) => quoted(row.name),
      },
      {
        id: "class",
        label: "class",
        kind: "text",
        value: (row) => nameOf(row.target_id),
        show: (row) => pickerOf(row.target_id),
      },
      number("candidates", "candidates", "Candidates whose title has this name"),
      number("kept", "kept"),
      number("no_match", "noise", "No frame shows the class"),
      number("other", "other", "Rejected otherwise, and failed"),
      {
        id: "yield",
        label: "yield",
        help: "Kept of candidates",
        value: ({ kept, candidates }) => (candidates ? kept / candidates : null),
        show: ({ kept, candidates }) => share(kept, candidates),
      },
      number("only", "only", "Candidates that no other name of the class brought"),
      number("only_kept", "only, kept", "Of them, those that were kept"),
      ...(isSearched
        ? [
            number("queries", "queries", "Queries with this name"),
            number("results", "results", "Results that were looked at"),
            number("new", "new", "Videos that were new"),
          ]
        : []),
      {
        id: "outcomes",
        label: "kept, noise, other",
        help: "Sorts by what was not kept",
        kind: "bar",
        value: (row) => row.no_match + row.other,
        show: (row) => stackOf(parts(row), widest),
      },
    ],
  });
}

function drawConfusions() {
  const place = section("confusions");
  const left = facts.confusions_left_out;
  place.append(
    help(
      "What the classifier saw most often in videos that were looked up for something else, and ",
      "the probability that it gave to it in the surest frame, on average over the videos.",
      left ? ` The commonest; ${count(left)} more are left out.` : "",
    ),
  );
  return listing({
    place,
    noun: "confusions",
    rows: facts.confusions,
    attributes: (row) => ({ "data-class": row.target_id, "data-seen": row.seen }),
    texts: (row) => [nameOf(row.target_id), row.seen],
    shown: isPicked,
    sort: { column: "pairs", descending: true },
    columns: [
      {
        id: "asked",
        label: "asked for",
        kind: "text",
        value: (row) => nameOf(row.target_id),
        show: (row) => pickerOf(row.target_id),
      },
      {
        id: "seen",
        label: "seen instead",
        kind: "text",
        value: (row) => row.seen,
        show: (row) => quoted(row.seen),
      },
      { id: "pairs", label: "videos", value: (row) => row.pairs },
      {
        id: "probability",
        label: "highest probability",
        help: "What the classifier gave to what was seen, in the surest frame; the mean over the videos",
        value: (row) => row.probability,
        show: (row) => share(row.probability, 1),
      },
    ],
  });
}
