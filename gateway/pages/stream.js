/* The page's side of the HTTP interface. Problems become errors with words for the person. */

export class Problem extends Error {
  constructor(code, detail, nextStep = "") {
    super(detail);
    this.code = code;
    this.nextStep = nextStep;
  }
}

const UNREACHABLE = ["unreachable", "The server does not answer.", "Check that Understudy runs, then try again."];

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(...UNREACHABLE);
  }
  if (response.ok) return response;
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Something between here and the gateway answered with a page of its own.
  }
  throw new Problem(
    problem.code ?? `status_${response.status}`,
    problem.detail ?? `The server answered with status ${response.status}.`,
    problem.next_step ?? "Try again.",
  );
}

export async function getJson(path) {
  return (await request(path, { headers: { Accept: "application/json" } })).json();
}

/* Asks, and yields {type, data} for each event of the answer. */
export async function* ask(body, signal) {
  const response = await request("/api/v1/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ ...body, stream: true }),
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      waiting += value ?? "";
      const frames = waiting.split("\n\n");
      waiting = frames.pop();
      for (const frame of frames) {
        const event = parse(frame);
        if (event === null) continue;
        ended ||= event.type === "done" || event.type === "error";
        yield event;
      }
      if (done) break;
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Problem) throw error;
    throw new Problem("broken_off", "The connection broke off in the middle of the answer.", "Ask again.");
  } finally {
    reader.cancel().catch(() => {});
  }
  if (!ended) throw new Problem("broken_off", "The answer broke off.", "Ask again.");
}

function parse(frame) {
  let type = "message";
  const data = [];
  for (const line of frame.split("\n")) {
    if (line.startsWith("event: ")) type = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return data.length ? { type, data: JSON.parse(data.join("\n")) } : null;
}
