/* Contact sheets. */

// Pictures that are drawn at first, and with each "more".
const SHEET = 14;

/**
 * A contact sheet of `pictures` in `place`. `shown(picture)` says whether one is shown; call
 * `draw()` when that changes.
 */
function sheet({ place, title, help, pictures, shown }) {
  const ordered = interleaved(pictures);
  const said = element("span", { class: "said", role: "status" });
  const grid = element("div", { class: "sheet" });
  const more = element("p", { class: "more" });
  place.append(
    element("div", { class: "tools" }, element("h3", {}, title), said),
    element("p", { class: "help" }, help),
    grid,
    more,
  );

  function draw(most = SHEET) {
    const visible = ordered.filter(shown);
    said.textContent = counted(visible.length, "picture");
    const drawn = visible.slice(0, most).map(pictureOf);
    grid.replaceChildren(...drawn);
    more.replaceChildren();
    if (visible.length > most) {
      const next = Math.min(visible.length - most, 2 * SHEET);
      const onclick = () => focusOn(draw(most + next)[most]);
      more.append(element("button", { onclick }, `Show ${count(next)} more`));
    }
    return drawn;
  }

  draw();
  return { draw };
}

/** What `videonet show` takes: a click selects all of it, also where it does not fit. */
function idOf(id) {
  return element("code", { class: "id", title: `videonet show OUT ${id}` }, element("bdi", {}, id));
}

/** One of each class, then another of each: the first screen shows many classes. */
function interleaved(pictures) {
  const seen = new Map();
  const turns = pictures.map((picture) => {
    const turn = seen.get(picture.target_id) ?? 0;
    seen.set(picture.target_id, turn + 1);
    return { picture, turn };
  });
  return turns.sort((a, b) => a.turn - b.turn).map(({ picture }) => picture);
}

function pictureOf(picture) {
  const { frame, title } = picture;
  const web = webAddress(picture.url);
  const usual = facts.neighbours ? "not_selected" : "no_top1_match";
  const isOther = picture.reason !== null && picture.reason !== usual;
  return element(
    "figure",
    {
      "data-video": picture.video_id,
      "data-key": picture.video_key,
      "data-class": picture.target_id,
      "data-outcome": picture.outcome,
    },
    element(
      "div",
      { class: "frame" },
      element("img", {
        src: `data:image/jpeg;base64,${picture.jpeg}`,
        alt: `Frame ${frame} of a video ${facts.neighbours ? "that is near to" : "that was looked up for"} ${picture.asked}`,
        decoding: "async",
      }),
      element("span", { class: picture.is_match ? "kept" : null }, frameText(picture)),
    ),
    element(
      "figcaption",
      {},
      element("b", {}, quoted(picture.asked)),
      ...(facts.neighbours ? [nearText(picture)] : [seenElement(picture), matchText(picture)]),
      picture.damage ? element("span", { class: "seen damage" }, picture.damage) : null,
      isOther ? element("span", { class: "reason" }, picture.reason) : null,
      quoted(title, "title"),
      addressOf(picture.url, web ? web.host : picture.url),
      idOf(picture.video_id),
    ),
  );
}

// The probability is of the frame that is shown only where that is the matching one; else it is the
// highest of what matched, or of what was seen where nothing did.
function frameText({ frame, is_match: isMatch, probability }) {
  const how = facts.neighbours ? cosine(probability) : share(probability, 1);
  return `frame ${count(frame)}${isMatch ? ` · ${how}` : ""}`;
}

function seenElement(picture) {
  const seen = quoted(picture.seen);
  return element("span", { class: "seen" }, "seen ", seen, " ", seenText(picture));
}

/** In how many of the frames that were compared a neighbour is nearest to its class. */
function nearText({ matching, frames, is_match: isMatch, probability }) {
  const found = `nearest in ${count(matching)} of ${counted(frames, "frame")}`;
  const parts = [found, ...(isMatch ? [] : [`up to ${cosine(probability)}`])];
  return element("span", { class: "seen" }, parts.map(unbroken).join(", "));
}

const cosine = (value) => `cosine ${value.toFixed(2)}`;

function seenText({ seen_frames: seen, frames, first_match: first, probability }) {
  const found = unbroken(`in ${count(seen)} of ${counted(frames, "frame")}`);
  return first === null ? `${found}, ${unbroken(`up to ${share(probability, 1)}`)}` : found;
}

function matchText({ matching, first_match: first, is_match: isMatch, probability }) {
  if (first === null) return null;
  const parts = [
    `${count(matching)} ${matching === 1 ? "matches" : "match"}`,
    ...(isMatch ? [] : [`up to ${share(probability, 1)}`]),
    `first is frame ${count(first)}`,
  ];
  return element("span", { class: "seen" }, parts.map(unbroken).join(", "));
}

/** A few words that stay in one line: captions are narrow. */
function unbroken(text) {
  return text.replaceAll(" ", "\u00a0");
}
