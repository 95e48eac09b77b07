/* The page: choose a creator, ask, follow up. One conversation per creator is remembered in this browser. */

import { Turn, describeCoverage } from "./answers.js";
import { opensWith } from "./choosing.js";
import { Problem, ask, getJson } from "./stream.js";

const at = (id) => document.getElementById(id);
const state = { creators: [], creator: null, conversation: null, turns: 0, running: null };

async function start() {
  at("ask").addEventListener("submit", onSubmit);
  at("question").addEventListener("keydown", onKey);
  at("question").addEventListener("input", fit);
  at("restart").addEventListener("click", restart);
  at("creator").addEventListener("change", (event) => choose(event.target.value));
  try {
    state.creators = (await getJson("/api/v1/creators")).creators;
  } catch (problem) {
    notice(`${problem.message} ${problem.nextStep ?? ""}`);
    return;
  }
  if (!state.creators.length) {
    notice("There is no creator yet. Add one with ./understudy creators add, then reload this page.");
    return;
  }
  for (const creator of state.creators) at("creator").append(new Option(creator.name, creator.handle));
  at("picker").hidden = state.creators.length < 2;
  await choose(opensWith(state.creators, new URLSearchParams(location.search).get("creator")));
}

function notice(text) {
  at("notice").textContent = text;
  at("notice").hidden = false;
}

async function choose(handle) {
  state.running?.abort();
  state.creator = state.creators.find((creator) => creator.handle === handle);
  at("creator").value = handle;
  document.title = `Ask ${state.creator.name} – Understudy`;
  if (state.creators.length > 1) history.replaceState(null, "", `?creator=${encodeURIComponent(handle)}`);
  welcome(state.creator);
  at("ask").hidden = false;
  at("question").placeholder = `Ask ${state.creator.name} …`;
  clear(recall(handle));
  await restore();
}

function welcome(creator) {
  at("name").textContent = creator.name;
  at("greeting").textContent = creator.greeting;
  at("greeting").hidden = !creator.greeting;
  at("try").hidden = !creator.suggested_questions.length;
  at("suggestions").replaceChildren(...creator.suggested_questions.map(suggestion));
  at("coverage").textContent = "";
  at("welcome").hidden = false;
  getJson(`/api/v1/creators/${creator.id}`).then(
    ({ coverage }) => {
      const words = describeCoverage(coverage);
      if (creator === state.creator) at("coverage").textContent = words && `Answers from ${words}.`;
    },
    () => {}, // It only tells how much there is; asking works without.
  );
}

function suggestion(question) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "suggestion";
  button.textContent = question;
  button.addEventListener("click", () => run(question));
  item.append(button);
  return item;
}

/* What was said before, when the server still has it and it is this guest's. */
async function restore() {
  const { conversation, creator } = state;
  if (!conversation) return;
  try {
    const { messages } = await getJson(`/api/v1/conversations/${conversation}/messages?limit=200`);
    if (creator !== state.creator || conversation !== state.conversation) return;
    let turn = null;
    for (const message of messages) {
      if (message.role === "user") turn = open(message.text);
      else if (turn) fill(turn, message);
    }
    at("restart").hidden = !messages.length;
    turn?.element.scrollIntoView({ block: "start" });
  } catch (problem) {
    if (problem.code === "conversation_not_found") clear(null);
  }
}

function fill(turn, message) {
  for (const citation of message.citations) turn.cite(citation);
  turn.add(message.text);
  turn.search(message.searched);
  turn.end(message.kind);
}

function clear(conversation) {
  remember(conversation);
  at("talk").replaceChildren();
  at("restart").hidden = true;
}

function restart() {
  state.running?.abort();
  clear(null);
  scrollTo({ top: 0 });
  at("question").focus();
}

function onKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  at("ask").requestSubmit();
}

function onSubmit(event) {
  event.preventDefault();
  if (state.running) {
    state.running.abort();
    return;
  }
  const question = at("question").value.trim();
  if (!question) {
    at("question").focus();
    return;
  }
  at("question").value = "";
  fit();
  run(question);
}

function fit() {
  const field = at("question");
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 200)}px`;
}

function open(question) {
  const turn = new Turn(question, (state.turns += 1), () => {
    turn.element.remove();
    run(question);
    at("talk").querySelector(".turn:last-child .asked").focus({ preventScroll: true });
  });
  at("talk").append(turn.element);
  return turn;
}

async function run(question) {
  if (state.running) return;
  const turn = open(question);
  const running = new AbortController();
  busy(running);
  turn.element.scrollIntoView({ block: "start", behavior: "smooth" });
  at("status").textContent = "Looking for an answer.";
  try {
    const body = { message: question, creator_id: state.creator.id, conversation_id: state.conversation };
    for await (const { type, data } of ask(body, running.signal)) take(turn, type, data);
  } catch (error) {
    if (running.signal.aborted) turn.stop();
    else fail(turn, error);
  } finally {
    if (state.running === running) busy(null);
  }
}

function fail(turn, error) {
  turn.fail(error instanceof Problem ? error : new Problem("page", "This page failed.", "Reload it, then ask again."));
  at("status").textContent = "";
  // A conversation that is gone cannot be gone on with; the next question begins a new one.
  if (error.code === "conversation_not_found") remember(null);
  if (!(error instanceof Problem)) throw error;
}

function take(turn, type, data) {
  if (type === "meta") remember(data.conversation_id);
  else if (type === "sources") turn.search(data.searched);
  else if (type === "delta") turn.add(data.text);
  else if (type === "citation") turn.cite(data);
  else if (type === "error") throw new Problem(data.code, data.detail, data.next_step ?? "");
  else if (type === "done") {
    turn.end(data.kind);
    at("restart").hidden = false;
    at("status").textContent = `Answered${["", ", with one source", `, with ${turn.places} sources`][Math.min(turn.places, 2)]}.`;
  }
}

function busy(running) {
  state.running = running;
  at("send").textContent = running ? "Stop" : "Ask";
  at("send").classList.toggle("stop", Boolean(running));
  for (const button of at("suggestions").querySelectorAll("button")) button.setAttribute("aria-disabled", String(Boolean(running)));
}

function remember(conversation) {
  state.conversation = conversation;
  try {
    const key = `understudy.conversation.${state.creator.handle}`;
    if (conversation) localStorage.setItem(key, conversation);
    else localStorage.removeItem(key);
  } catch {
    // Storage is switched off: the conversation lasts as long as the page.
  }
}

function recall(handle) {
  try {
    return localStorage.getItem(`understudy.conversation.${handle}`);
  } catch {
    return null;
  }
}

start();
