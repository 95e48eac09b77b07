/* Draws one question and its answer. Everything that came over the network is set as text, never as markup. */

const VERDICTS = {
  not_covered: "Not covered",
  partly_covered: "Partly covered",
  refused: "Not answered",
  clarification: "One question first",
  incomplete: "Broken off",
};
const PLACES = { not_covered: "The nearest that was found" };

export class Turn {
  #root;
  #text = "";
  #number;
  #known = new Set();

  constructor(question, number, onRetry) {
    this.#number = number;
    this.#root = document.getElementById("turn-template").content.firstElementChild.cloneNode(true);
    this.#find(".asked").textContent = question;
    this.#find(".answer").setAttribute("aria-busy", "true");
    this.#find(".again").addEventListener("click", onRetry);
  }

  get element() {
    return this.#root;
  }

  get places() {
    return this.#known.size;
  }

  add(text) {
    this.#text += text;
    this.#draw();
  }

  cite(citation) {
    if (this.#known.has(citation.marker)) return;
    this.#known.add(citation.marker);
    this.#find(".cards").append(card(citation, this.#anchor(citation.marker)));
    this.#find(".places").hidden = false;
    this.#find(".places h3").textContent = "Where it was said";
    this.#draw();
  }

  search(searched) {
    const words = describeCoverage(searched);
    this.#find(".searched").textContent = words && `Searched ${words}.`;
    this.#find(".searched").hidden = !words;
  }

  end(kind) {
    this.#root.dataset.kind = kind;
    this.#find(".verdict").textContent = VERDICTS[kind] ?? "";
    this.#find(".verdict").hidden = !(kind in VERDICTS);
    if (kind in PLACES) this.#find(".places h3").textContent = PLACES[kind];
    this.#settle();
  }

  fail(problem) {
    const trouble = this.#find(".trouble");
    trouble.hidden = false;
    trouble.textContent = [problem.message, problem.nextStep].filter(Boolean).join(" ");
    this.#find(".again").hidden = false;
    this.#settle();
  }

  stop() {
    this.fail({ message: "You stopped this answer." });
  }

  #settle() {
    this.#find(".waiting").hidden = true;
    this.#find(".answer").setAttribute("aria-busy", "false");
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }

  #anchor(marker) {
    return `place-${this.#number}-${marker}`;
  }

  #draw() {
    this.#find(".waiting").hidden ||= this.#text !== "";
    const paragraphs = this.#text.split(/\n{2,}/).map((part) => {
      const paragraph = document.createElement("p");
      paragraph.append(...this.#pieces(part));
      return paragraph;
    });
    this.#find(".text").replaceChildren(...paragraphs);
  }

  /* Text with its markers `[1]` as links to the cards; a marker without a card stays as it is. */
  #pieces(text) {
    return text.split(/(\s?\[\d+\])/).map((piece) => {
      const marker = Number(/^\s?\[(\d+)\]$/.exec(piece)?.[1]);
      if (!this.#known.has(marker)) return piece;
      const link = document.createElement("a");
      link.className = "marker";
      link.href = `#${this.#anchor(marker)}`;
      link.textContent = String(marker);
      link.setAttribute("aria-label", `Source ${marker}`);
      return link;
    });
  }
}

function card(citation, id) {
  const item = document.getElementById("card-template").content.firstElementChild.cloneNode(true);
  item.id = id;
  item.querySelector(".number").textContent = citation.marker;
  item.querySelector("blockquote").textContent = citation.quote ?? "";
  item.querySelector("blockquote").dataset.verified = citation.verified ?? "exact";
  const who = item.querySelector(".who");
  const spoken = citation.start_ms !== null;
  who.querySelector(".speaker").textContent = citation.speaker ?? (spoken ? "Speaker not named" : "");
  for (const label of labels(citation)) who.append(badge(label));
  item.querySelector("cite").textContent = citation.title;
  item.querySelector(".date").textContent = formatDate(citation.published_at);
  link(item.querySelector(".open"), citation);
  return item;
}

/* What is to be known about a citation besides its words. */
export function labels(citation) {
  const found = [];
  if (citation.withdrawn) found.push("withdrawn");
  if (citation.speaker_role === "guest") found.push("guest");
  if (citation.sponsor) found.push("sponsored");
  if (citation.verified === "paraphrase") found.push("in other words");
  return found;
}

function badge(text) {
  const element = document.createElement("span");
  element.className = "badge";
  element.textContent = text;
  return element;
}

function link(element, citation) {
  const place = describePlace(citation);
  const address = openAddress(citation);
  if (address === null) {
    const plain = document.createElement("span");
    plain.className = "place";
    plain.textContent = place;
    element.replaceWith(plain);
    return;
  }
  element.href = address;
  element.textContent = place ? `Open at ${place}` : "Open";
  element.dataset.medium = citation.start_ms === null ? "document" : "recording";
  element.setAttribute("aria-label", `Open ${citation.title} at ${place || "the start"}, in a new tab`);
}

function describePlace(citation) {
  if (citation.start_ms !== null) return formatTime(citation.start_ms);
  if (citation.page !== null) return `page ${citation.page}`;
  return (citation.heading ?? "").split(" > ").at(-1);
}

/* Where a citation opens; null where it does not, as when its source was withdrawn since. */
export function openAddress(citation) {
  return citation.withdrawn ? null : webAddress(citation.open_url ?? citation.url);
}

/* Only what opens as a web page: a source's address comes from its file. */
function webAddress(address) {
  try {
    const url = new URL(address, location.origin);
    return address && ["https:", "http:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function formatTime(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}

function formatDate(text) {
  if (!text) return "";
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(text));
}

export function describeCoverage(coverage) {
  if (!coverage || !coverage.sources) return "";
  const parts = [coverage.sources === 1 ? "one recording or document" : `${coverage.sources} recordings and documents`];
  if (coverage.hours >= 1) parts.push(`${coverage.hours.toFixed(coverage.hours < 10 ? 1 : 0)} hours`);
  else if (coverage.hours > 0) parts.push(`${Math.max(1, Math.round(coverage.hours * 60))} minutes`);
  if (coverage.latest) parts.push(`the latest from ${formatDate(coverage.latest)}`);
  return parts.join(", ");
}
