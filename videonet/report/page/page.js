/*
 * Draws the facts, which stand in the page as JSON, section by section.
 *
 * What programs may rely on: each section has an id (funnel, classes, names, confusions,
 * distributions, pictures, failures, costs, settings), and
 *   [data-answer=thin|drop|chase] li[data-about]            the three answers
 *   [data-answer=thin][data-total]                          how many classes are too thin in all
 *   #funnel tr[data-funnel=STEP][data-value]                the whole funnel, STEP a field of Funnel
 *   #funnel .legend tr[data-outcome][data-reason][data-value]  no data-reason: all of the outcome
 *   #classes tr[data-class=TARGET_ID] td[data-column=COLUMN][data-value]
 *   #names tr[data-class][data-name] td[data-column=COLUMN][data-value]
 *   #confusions tr[data-class][data-seen] td[data-column=COLUMN][data-value]
 *   [data-histogram=TITLE] tr[data-bin=LABEL][data-kept][data-rejected][data-failed]
 *   #pictures figure[data-video][data-key][data-class][data-outcome]
 *   #failures article[data-reason][data-value] li[data-video]
 *   #costs tr[data-stage] td[data-column=seconds|items|bytes][data-value]
 *   #settings tr[data-setting=NAME] td
 *   #top .sizes [data-size=NAME][data-value]                NAME a field of Sizes
 *   #top .run                                               date and command of the last run
 *   button[data-pick=TARGET_ID]                             shows a class alone
 *   [data-chip] button                                      shows all classes again
 *   #names and #confusions                                  absent where neighbours were taken
 *   #duplicates li[data-key][data-value] figure[data-key][data-outcome]  absent if there are none
 * COLUMN is the field's name in ClassRow's funnel, NameRow or Confusion, or shortfall, outcomes,
 * yield. data-value is the number as it is in the facts. Long tables draw their first 25 rows
 * until one searches or asks for more, and classes and names without a candidate only then. Frames
 * are counted from 0, as in the verdicts.
 */

const facts = JSON.parse(document.getElementById("facts").textContent);
const classNames = namesOf(facts.classes);
const nameOf = (id) => classNames.get(id) ?? id;

// Class that is shown alone, by its id, or null; and what to draw again when that changes.
let picked = null;
const redrawn = [];
const isPicked = (row) => picked === null || row.target_id === picked;

/** Names of classes by id; where two have the same, such as "crane", with their ids. */
function namesOf(rows) {
  const uses = new Map();
  for (const { name } of rows) uses.set(name, (uses.get(name) ?? 0) + 1);
  const told = (row) => (uses.get(row.name) > 1 ? `${row.name} (${row.target_id})` : row.name);
  return new Map(rows.map((row) => [row.target_id, told(row)]));
}

function pick(id) {
  const active = document.activeElement;
  const [place, row] = [active.closest("section, nav"), active.closest("tr")];
  picked = picked === id ? null : id;
  for (const each of redrawn) each();
  markPicked();
  // Who uses the keyboard goes on from where the button was that is gone.
  if (!active.isConnected) focusOn(pickerLike(active, place, row) ?? headOfPlace(place));
}

/** The button for the same class in the same place, in the same row if that is still shown. */
function pickerLike({ dataset }, place, row) {
  const told = (tr) => JSON.stringify({ ...tr?.dataset });
  const all = [...place.querySelectorAll("button[data-pick]")];
  const same = all.filter((each) => each.dataset.pick === dataset.pick);
  return same.find((each) => told(each.closest("tr")) === told(row)) ?? same[0];
}

const headOfPlace = (place) => place.querySelector("h2") ?? place;

function markPicked() {
  for (const button of document.querySelectorAll("button[data-pick]")) {
    button.setAttribute("aria-pressed", button.dataset.pick === picked ? "true" : "false");
  }
  for (const place of document.querySelectorAll("[data-chip]")) {
    const chip = element(
      "button",
      { class: "chip", title: "Show all classes", onclick: () => pick(null) },
      "only ",
      quoted(nameOf(picked ?? "")),
      element("span", { "aria-hidden": "true" }, " ×"),
    );
    place.replaceChildren(...(picked === null ? [] : [chip]));
  }
}

function pickerOf(id) {
  const what = facts.neighbours ? "pictures" : "names, confusions and pictures";
  const hint = `Show ${what} of ${nameOf(id)} alone`;
  return element(
    "button",
    {
      class: "pick",
      title: hint,
      "data-pick": id,
      "aria-pressed": picked === id ? "true" : "false",
      onclick: () => pick(id),
    },
    element("bdi", {}, nameOf(id)),
  );
}

const section = (id) => document.getElementById(id);
const help = (...children) => element("p", { class: "help" }, ...children);

function drawFunnel() {
  const { kept, candidates } = facts.funnel;
  const parts = partsOf({ ...facts, kept, candidates });
  section("funnel").append(
    help(
      "What is left after each step, and the share of the step before it. ",
      facts.neighbours
        ? "Each video is a candidate for the class whose images any of its frames is nearest to. "
        : "A video whose title names two classes is two pairs, and two candidates. ",
      "A kept video that is shorter than a window gives no clip.",
    ),
    element(
      "div",
      { class: "halves" },
      funnelOf(facts.funnel),
      element(
        "div",
        {},
        element("h3", {}, "What became of the candidates"),
        stackOf(parts, Math.max(candidates, 1)),
        legendOf(parts, candidates),
      ),
    ),
  );
}

function drawDistributions() {
  const grid = element("div", { class: "charts" }, facts.histograms.map(chartOf));
  section("distributions").append(
    help("Of the candidates of which each is known."),
    keyOf(OUTCOMES),
    grid,
  );
}

function drawPictures() {
  const place = section("pictures");
  place.append(
    help(
      "Below each picture is the id of its video, which `videonet show OUT ID` takes. Frames are ",
      "counted from 0, as in the verdicts. ",
      facts.pictures_note,
    ),
  );
  const sheets = [
    sheet({
      place,
      title: "Kept",
      help: facts.neighbours
        ? "Those nearest to each class first. The frame that is nearest to it, and their cosine; of the frames that were compared, how many are nearest to it."
        : "The frame that matches best, with the probability that the classifier gives there to its first choice; of the first frames, how many match.",
      pictures: facts.kept_pictures,
      shown: isPicked,
    }),
    sheet({
      place,
      title: facts.neighbours ? "Not selected" : "Rejected",
      help: facts.neighbours
        ? "Those nearest to each class that were left, since enough others are nearer."
        : "What each was looked up for; what the classifier saw instead, in how many frames, and the probability that it gave to it in the surest of them.",
      pictures: facts.rejected_pictures,
      shown: isPicked,
    }),
  ];
  return { draw: () => sheets.forEach((each) => each.draw()) };
}

const POLICIES = {
  never: "not tried again",
  next_run: "tried again by the next run",
  wait: "tried again once the site has calmed down",
};

function drawFailures() {
  const cards = facts.failures.map(({ reason, pairs, policy, advice, examples }) =>
    element(
      "article",
      { "data-reason": reason, "data-value": pairs },
      element(
        "h3",
        {},
        element("b", {}, count(pairs)),
        ` ${reason}`,
        element("span", { class: "policy" }, POLICIES[policy] ?? policy),
      ),
      element("p", {}, advice),
      element(
        "ul",
        { class: "examples" },
        examples.map(({ video_id: id, title, url, error }) =>
          element(
            "li",
            { "data-video": id },
            quoted(title, "title"),
            addressOf(url),
            idOf(id),
            error ? element("code", {}, quoted(error)) : null,
          ),
        ),
      ),
    ),
  );
  const place = section("failures");
  if (cards.length) place.append(element("div", { class: "failures" }, cards));
  else place.append(help("Nothing failed."));
}

function drawCosts() {
  const place = section("costs");
  if (!facts.costs.length) {
    place.append(help("Not known: what the run counted is not here."));
    return;
  }
  const seconds = facts.costs.reduce((sum, { cost }) => sum + cost.seconds, 0);
  const bytes = facts.costs.reduce((sum, { cost }) => sum + cost.bytes, 0);
  const barOf = (part, whole) => {
    const bar = element("div", { class: "fill", style: { "--part": part / (whole || 1) } });
    return element("td", { class: "bar" }, bar);
  };
  const rows = facts.costs.map(({ stage, cost }) => {
    const cell = (column, value, text) =>
      element("td", { class: "number", "data-column": column, "data-value": value }, text);
    const items = cost.items || 1;
    return element(
      "tr",
      { "data-stage": stage },
      element("th", { scope: "row" }, stage),
      cell("items", cost.items, count(cost.items)),
      cell("seconds", cost.seconds, time(cost.seconds)),
      barOf(cost.seconds, seconds),
      cell("share", cost.seconds / (seconds || 1), share(cost.seconds, seconds)),
      cell("seconds_each", cost.seconds / items, time(cost.seconds / items)),
      cell("bytes", cost.bytes, size(cost.bytes)),
      barOf(cost.bytes, bytes),
      cell("bytes_each", cost.bytes / items, size(cost.bytes / items)),
    );
  });
  const head = (label) => element("th", { scope: "col", class: "number" }, label);
  const heads = [
    element("th", { scope: "col" }, "stage"),
    head("items"),
    head("time"),
    // A bar, and its number.
    element("th", { scope: "colgroup", colspan: 2 }, "share of time"),
    head("time each"),
    head("bytes"),
    element("th", { scope: "col" }, "share of bytes"),
    head("bytes each"),
  ];
  place.append(
    help(
      "Seconds of all threads together: they work beside each other. Items are candidates, ",
      "classes or shards that were worked on.",
    ),
    scrollerOf(
      element(
        "table",
        { class: "plain" },
        element("thead", {}, element("tr", {}, heads)),
        element("tbody", {}, rows),
      ),
    ),
  );
}

function drawSettings() {
  const rows = facts.settings.map(({ name, value }) =>
    element(
      "tr",
      { "data-setting": name },
      element("th", { scope: "row" }, name),
      element("td", {}, element("bdi", {}, value)),
    ),
  );
  section("settings").append(
    help("As options of the command. Digests, to the byte, are in manifest.json."),
    element("table", { class: "settings" }, element("tbody", {}, rows)),
  );
}

// Neighbours are looked for without names, and nothing is seen in their place.
const withoutNames = facts.neighbours ? ["names", "confusions"] : [];
for (const id of withoutNames) {
  section(id).remove();
  document.querySelector(`nav a[href="#${id}"]`).parentElement.remove();
}
drawFunnel();
const classes = drawClasses();
const listings = facts.neighbours ? {} : { names: drawNames(), confusions: drawConfusions() };
drawDistributions();
const pictures = drawPictures();
drawDuplicates();
drawFailures();
drawCosts();
drawSettings();
drawHeader({ classes, ...listings });
tellWhatIsBeyond(document.querySelector("nav ul"), document.querySelector("nav"));
redrawn.push(...[...Object.values(listings), pictures].map((each) => () => each.draw()));
