/* Videos that are the same. */

/** All clusters, each a line of pictures, the one that stays first; nothing where there are none. */
function drawDuplicates() {
  const { clusters, left_out: left } = facts.duplicates;
  const place = section("duplicates");
  if (clusters.length === 0) {
    place.remove();
    document.querySelector('nav a[href="#duplicates"]').parentElement.remove();
    return;
  }
  place.append(
    help(
      "Videos that are the same, encoded again or at another address. The first of each line stays: ",
      "of most pixels, then of most bytes a second, then the first in its source's order. It has ",
      "the labels of those that were dropped.",
      left ? ` Those of most videos; ${counted(left, "more line is", "more lines are")} left out.` : "",
    ),
    element("ol", { class: "clusters" }, clusters.map(clusterOf)),
  );
}

function clusterOf({ stays, others, videos }) {
  const hidden = videos - others.length;
  return element(
    "li",
    { "data-key": stays.video_key, "data-value": videos },
    element(
      "div",
      { class: "sheet" },
      sameOf(stays, stays.outcome === "kept" ? "stays" : stays.reason ?? stays.outcome),
      others.map((each) => sameOf(each, each.outcome === "kept" ? "marked" : each.reason)),
    ),
    hidden > 0 ? element("p", { class: "note" }, `and ${counted(hidden, "other")}`) : null,
  );
}

function sameOf(video, becomes) {
  const web = webAddress(video.url);
  const picture = element("img", {
    src: `data:image/jpeg;base64,${video.jpeg}`,
    alt: "A frame of the video",
    decoding: "async",
  });
  const isKept = video.outcome === "kept";
  return element(
    "figure",
    { "data-key": video.video_key, "data-outcome": video.outcome },
    element(
      "div",
      { class: "frame" },
      video.jpeg ? picture : null,
      element("span", { class: isKept ? "kept" : null }, becomes),
    ),
    element(
      "figcaption",
      {},
      element("span", { class: "seen" }, qualityOf(video)),
      video.why ? element("span", { class: "seen" }, video.why) : null,
      quoted(video.title, "title"),
      addressOf(video.url, web ? web.host : video.url),
      idOf(video.video_id),
    ),
  );
}

/** "1920 × 1080, 510 kB a second", as far as it is known. */
function qualityOf({ width, height, bytes_a_second: rate }) {
  const parts = [
    ...(width && height ? [unbroken(`${width} × ${height}`)] : []),
    ...(rate ? [unbroken(`${size(rate)} a second`)] : []),
  ];
  return parts.join(", ");
}
