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
    grid.replaceChildren(...visible.slice(0, most).map(pictureOf));
    more.replaceChildren();
    if (visible.length > most) {
      const next = Math.min(visible.length - most, 2 * SHEET);
      more.append(
        element("button", { onclick: () => draw(most + next) }, `Show ${count(next)} more`),
      );
    }
  }

  draw();
  return { draw };
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
  const { frame, frames, seen, title } = picture;
  const web = webAddress(picture.url);
  const isOther = picture.reason !== null && picture.reason !== "no_top1_match";
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
        alt: `Frame ${frame} of a video that was looked up for ${picture.asked}`,
        decoding: "async",
      }),
      element("span", { class: picture.is_match ? "kept" : null }, frameText(picture)),
    ),
    element(
      "figcaption",
      {},
      element("b", {}, quoted(picture.asked)),
      element(
        "span",
        { class: "seen" },
        "seen ",
        quoted(seen),
        " ",
        element("span", {}, `${count(picture.seen_frames)}/${count(frames)}`),
      ),
      matchText(picture),
      isOther ? element("span", { class: "reason" }, picture.reason) : null,
      quoted(title, "title"),
      addressOf(picture.url, web ? web.host : picture.url),
    ),
  );
}

// Frames are counted from 1, as people do.
function frameText({ frame, probability }) {
  return `frame ${count(frame + 1)} · ${share(probability, 1)}`;
}

function matchText({ matching, first_match: first }) {
  if (first === null) return null;
  const text = `${count(matching)} ${matching === 1 ? "matches" : "match"}, first is ${first + 1}`;
  return element("span", { class: "seen" }, text);
}
