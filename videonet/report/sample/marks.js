/* What a person says of the videos: remembered by this browser, undone, downloaded as a file. */

/**
 * The marks on the videos of `cards`. `changed(keys)` is called with the keys of videos whose mark
 * has changed. A browser remembers them under `identity`, for all pages of one data set.
 */
function marksOn(cards, identity, changed) {
  const place = `videonet sample ${identity}`;
  const ids = new Map(cards.map((card) => [card.video_key, card.video_id]));
  const marks = new Map();
  const before = [];
  let isRemembered = true;
  let isDownloaded = true;

  /** All that the browser remembers of the data set, also of videos that are not on this page. */
  function remembered() {
    try {
      const said = JSON.parse(localStorage.getItem(place) ?? "{}");
      return new Map(Object.entries(said).filter(([, mark]) => ["keep", "drop"].includes(mark)));
    } catch (error) {
      // What is no JSON was not written by a page like this one, and is written over.
      if (!(error instanceof SyntaxError)) isRemembered = false;
      return new Map();
    }
  }

  function remember(key) {
    const all = remembered();
    if (marks.has(key)) all.set(key, marks.get(key));
    else all.delete(key);
    try {
      localStorage.setItem(place, JSON.stringify(Object.fromEntries(all)));
    } catch {
      isRemembered = false;
    }
  }

  /** Takes over what the browser remembers; the keys of videos whose mark is another one now. */
  function recall() {
    const all = remembered();
    const keys = [...ids.keys()].filter((key) => all.get(key) !== marks.get(key));
    for (const key of keys) {
      if (all.has(key)) marks.set(key, all.get(key));
      else marks.delete(key);
    }
    return keys;
  }

  function put(key, mark) {
    if (mark) marks.set(key, mark);
    else marks.delete(key);
    isDownloaded = false;
    remember(key);
    changed([key]);
  }

  // Another window with a page of this data set.
  addEventListener("storage", (event) => {
    if (event.key === place) changed(recall());
  });
  addEventListener("beforeunload", (event) => {
    if (!isRemembered && !isDownloaded && marks.size) event.preventDefault();
  });
  recall();

  return {
    of: (key) => marks.get(key) ?? null,
    /** Marks a video, or takes its mark away where that is the same; the mark it has now. */
    toggle(key, mark) {
      const had = marks.get(key) ?? null;
      before.push([key, had]);
      put(key, had === mark ? null : mark);
      return marks.get(key) ?? null;
    },
    /** Takes the last change back; the key of its video, or null where there was none. */
    undo() {
      if (!before.length) return null;
      const [key, had] = before.pop();
      put(key, had);
      return key;
    },
    canUndo: () => before.length > 0,
    count: (mark) => [...marks.values()].filter((each) => each === mark).length,
    isRemembered: () => isRemembered,
    /** The file that `videonet withdraw --from` takes: marks in the order of their keys. */
    file(manifest) {
      isDownloaded = true;
      const seen = manifest ? { reason: `marked by eye in the data set of manifest ${manifest}` } : {};
      const listed = [...marks.keys()].sort().map((key) => ({
        ...{ video_key: key, video_id: ids.get(key), mark: marks.get(key), ...seen },
      }));
      return `${JSON.stringify(listed, null, 2)}\n`;
    },
  };
}
