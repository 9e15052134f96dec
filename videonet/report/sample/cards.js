/* The cards: a clip as a loop, what is known of its video, and two buttons. */

/** A card. `mark(card, mark)` is called by its buttons, and `focus(card)` when it is pointed at. */
function cardOf(card, group, { neighbours, loops, mark, focus }) {
  const name = `${group.name}: ${card.title || card.shown_id}`;
  const frame = frameOf(card, loops, name);
  const buttons = { keep: buttonOf("keep", "Keep"), drop: buttonOf("drop", "Drop") };

  function buttonOf(which, label) {
    return element(
      "button",
      { class: which, type: "button", tabindex: "-1", "aria-pressed": "false", onclick: () => mark(made, which) },
      label,
      element("kbd", { "aria-hidden": "true" }, label[0]),
    );
  }

  const article = element(
    "article",
    {
      class: "clip",
      tabindex: "-1",
      "aria-label": name,
      "data-video": card.shown_id,
      "data-class": group.target_id,
      onfocusin: () => focus(made),
    },
    element(
      "div",
      { class: "frame" },
      frame.element,
      card.probability === null
        ? null
        : element("span", { class: "sure", title: "of the frame that confirms the class most" }, sure(card.probability, neighbours)),
      element("span", { class: "stamp", "aria-live": "off" }),
    ),
    element("div", { class: "said" }, ...saidOf(card, neighbours)),
    element("div", { class: "choice", role: "group", "aria-label": "Mark" }, buttons.keep, buttons.drop),
  );
  const made = { card, group, article, frame, text: folded(textsOf(card, group).join("\n")) };

  made.show = (value) => {
    article.dataset.mark = value ?? "";
    article.querySelector(".stamp").textContent = value ?? "";
    article.setAttribute("aria-label", value ? `${name}, marked ${value}` : name);
    for (const [which, button] of Object.entries(buttons)) {
      button.setAttribute("aria-pressed", String(which === value));
    }
  };
  /** Whether the Tab key stops here: at one card of the page, and at what is in it. */
  made.reach = (isReached) => {
    article.tabIndex = isReached ? 0 : -1;
    for (const each of article.querySelectorAll("a, button")) each.tabIndex = isReached ? 0 : -1;
  };
  made.show(null);
  made.reach(false);
  return made;
}

/** The loop, which is decoded only while it is near the window; and its first frame, for a rest. */
function frameOf(card, loops, name) {
  if (card.loop === null) {
    const text = `This clip cannot be read. ${card.unreadable}`;
    return { element: element("p", { class: "unreadable" }, text), load() {}, unload() {} };
  }
  const image = element("img", { class: "loop", alt: `Loop of a clip, ${name}`, decoding: "async" });
  const still = element("canvas", { class: "still", "aria-hidden": "true" });
  const holder = element("div", { class: "moving" }, image, still);
  image.addEventListener("load", () => {
    still.width = image.naturalWidth;
    still.height = image.naturalHeight;
    // Of an animation, a canvas is given the first frame.
    still.getContext("2d").drawImage(image, 0, 0);
  });
  image.addEventListener("error", () => {
    if (image.hasAttribute("src")) holder.classList.add("unknown");
  });
  return {
    element: holder,
    load: () => (image.src = `data:image/avif;base64,${loops[card.loop]}`),
    unload() {
      image.removeAttribute("src");
      still.width = still.height = 0;
    },
  };
}

function saidOf(card, neighbours) {
  const web = webAddress(card.url);
  return [
    quoted(card.title || "(no title)", "title"),
    seenIn(card, neighbours),
    card.seen === null
      ? null
      : element("p", { class: "other" }, neighbours ? "nearer to " : "mostly seen: ", quoted(card.seen), ` in ${counted(card.seen_frames, "frame")}`),
    card.labels.length === 0
      ? null
      : element("p", { class: "labels" }, "also ", ...listed(card.labels), card.more_labels ? ` and ${count(card.more_labels)} more` : ""),
    element("p", { class: "facts" }, factsOf(card).join(" · ")),
    element("p", { class: "rights" }, ...(card.channel ? [quoted(card.channel), " · "] : []), card.licence ? quoted(card.licence) : "licence not stated"),
    addressOf(card.url, web ? web.host : card.url),
    element("code", { class: "id", title: `video_key ${card.shown_key}` }, element("bdi", {}, card.shown_id)),
  ];
}

function seenIn({ matched, scanned, first, names }, neighbours) {
  const named = names.length ? [" · title says ", ...listed(names)] : [];
  if (scanned === null) return element("p", { class: "seen" }, "its frames were not looked at", ...named);
  const how = neighbours ? "nearest in" : "seen in";
  const begins = first ? `, first in frame ${count(first)}` : "";
  return element("p", { class: "seen" }, `${how} ${count(matched ?? 0)} of ${counted(scanned, "frame")}${begins}`, ...named);
}

/** Texts of strangers, with commas between them. */
function listed(texts) {
  return texts.flatMap((text, place) => (place ? [", ", quoted(text)] : [quoted(text)]));
}

function factsOf({ duration, size, rank, clip, clips, begin, end }) {
  return [
    duration === null ? null : `${time(duration)} long`,
    size,
    `rank ${count(rank)}`,
    clips > 1 ? `clip ${count(clip + 1)} of ${count(clips)}` : null,
    begin === null || clips === 1 ? null : `${begin.toFixed(1)} to ${end.toFixed(1)} s`,
  ]
    .filter((each) => each !== null)
    .map((each) => each.replaceAll(" ", "\u00a0"));
}

function sure(probability, neighbours) {
  return neighbours ? `cosine ${probability.toFixed(2)}` : share(probability, 1);
}

/** What is searched. */
function textsOf(card, group) {
  const { title, url, channel, licence, seen, labels, names, shown_key: key, shown_id: id } = card;
  const texts = [title, url, channel, licence, seen, ...labels, ...names, key, id];
  return [group.name, group.target_id, group.wnid, ...texts].filter((each) => each);
}
