"use strict";

/* Elements, and numbers as people read them. */

/**
 * An element with attributes and children. Strings become text nodes: nothing of the data is ever
 * parsed as HTML. Attributes that are null or false are left out; "onclick" and the like take
 * functions, "style" takes an object.
 */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") {
      // Set one by one: a style attribute as text would be against the page's own policy.
      for (const [property, each] of Object.entries(value)) made.style.setProperty(property, each);
    } else if (name.startsWith("on")) {
      made.addEventListener(name.slice(2), value);
    } else {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.flat().filter((each) => each !== null && each !== undefined));
  return made;
}

/** Somebody else's text: its direction marks end with it, and what does not fit is in the hint. */
function quoted(text, className = "") {
  return element("bdi", { class: className || null, title: text.length > 24 ? text : null }, text);
}

/** A link for addresses of the web; anything else, such as a path, is text. */
function addressOf(url, text = url) {
  const parsed = webAddress(url);
  if (parsed === null) return quoted(url, "address");
  const attributes = { class: "address", href: parsed.href, title: url };
  return element(
    "a",
    { ...attributes, target: "_blank", rel: "noopener noreferrer" },
    element("bdi", {}, text),
  );
}

/** The parsed address if it is one of the web, else null. */
function webAddress(url) {
  try {
    const parsed = new URL(url);
    return ["http:", "https:"].includes(parsed.protocol) ? parsed : null;
  } catch {
    return null;
  }
}

/**
 * Holds what may be wider than the window, and says that there is more as long as there is: its
 * edge fades, and a line above it says where to look.
 */
function scrollerOf(wide) {
  const scroller = element("div", { class: "scroller" }, wide);
  const hint = element("p", { class: "swipe", "aria-hidden": "true" }, "more columns to the right →");
  const holder = element("div", { class: "holder" }, hint, scroller);
  tellWhatIsBeyond(scroller, holder);
  return holder;
}

/** Marks `holder` while something can be scrolled to the left or to the right in `scrolled`. */
function tellWhatIsBeyond(scrolled, holder) {
  const tell = () => {
    const beyond = scrolled.scrollWidth - scrolled.clientWidth;
    holder.classList.toggle("scrolls", beyond > 1);
    holder.classList.toggle("more-right", scrolled.scrollLeft < beyond - 1);
  };
  scrolled.addEventListener("scroll", tell, { passive: true });
  const observer = new ResizeObserver(tell);
  for (const each of [scrolled, ...scrolled.children]) observer.observe(each);
}

/** Gives an element the keyboard's focus, also one that does not take it by itself. */
function focusOn(made) {
  if (made.tabIndex < 0) made.tabIndex = -1;
  made.focus({ preventScroll: true });
}

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const ROUGH = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** 1234567 as "1,234,567"; "" if it is not known. */
function count(value) {
  return value === null || value === undefined ? "" : WHOLE.format(value);
}

/** "1 video", "2 videos". */
function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A part of a whole as a percentage that never says 0 or 100 unless it is; "" of nothing. */
function share(part, whole) {
  if (!whole || part === null) return "";
  const percent = (100 * part) / whole;
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  if (percent < 100 && percent >= 99.95) return ">99.9 %";
  const digits = percent < 10 || (percent > 99 && percent < 100) ? 1 : 0;
  return `${percent.toFixed(digits).replace(/\.0$/, "")} %`;
}

/** Bytes in powers of 1,000. */
function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let step = 0;
  while (bytes >= 999.5 && step < units.length - 1) {
    bytes /= 1000;
    step += 1;
  }
  return `${ROUGH.format(bytes)} ${units[step]}`;
}

/** Seconds as "1.3 ms", "4.2 s", "3 min 5 s", "2 h 10 min", "3 d 4 h". */
function time(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 0.9995) return `${ROUGH.format(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${ROUGH.format(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(seconds / 3600);
  return `${count(Math.floor(hours / 24))} d ${hours % 24} h`;
}

/** A record of counts by reason as pairs, the commonest first. */
function byCount(counts) {
  return Object.entries(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

/** The sum of a record of counts. */
function total(counts) {
  return Object.values(counts).reduce((sum, each) => sum + each, 0);
}

/** What is compared when one searches: no case, no accents. */
function folded(text) {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase();
}
