/* Draws openapi.json: operations with their parameters, bodies and answers, then the schemas these name. */

const at = (id) => document.getElementById(id);

function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/* A description; what stands between backticks is code. */
function words(text) {
  const paragraph = make("p");
  text.split("`").forEach((part, i) => paragraph.append(i % 2 ? make("code", part) : part));
  return paragraph;
}

function row(cells, tag = "td") {
  const line = make("tr");
  for (const cell of cells) {
    const box = make(tag);
    box.append(cell);
    line.append(box);
  }
  return line;
}

function table(heads, rows) {
  const whole = make("table");
  whole.append(row(heads, "th"), ...rows.map((cells) => row(cells)));
  return whole;
}

/* A type in words; schemas that have a name become links. */
function type(schema) {
  const shown = make("span");
  if (!schema) return shown;
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    const link = make("a", name);
    link.href = `#schema-${name}`;
    shown.append(link);
  } else if (schema.anyOf) {
    schema.anyOf.forEach((one, i) => shown.append(i ? " or " : "", type(one)));
  } else if (schema.type === "array") shown.append("list of ", type(schema.items));
  else if (schema.enum) shown.append(schema.enum.map((value) => JSON.stringify(value)).join(", "));
  else shown.append([schema.format ?? schema.type ?? "any", limits(schema)].filter(Boolean).join(", "));
  return shown;
}

function limits(schema) {
  const words = { minimum: "at least", maximum: "at most", maxLength: "at most" };
  return Object.keys(words)
    .filter((key) => key in schema)
    .map((key) => `${words[key]} ${schema[key]}${key === "maxLength" ? " characters" : ""}`)
    .join(", ");
}

function operation(path, method, described) {
  const section = make("section", "", "operation");
  section.id = described.operationId;
  const title = make("h2");
  title.append(make("span", method.toUpperCase(), "method"), ` ${path}`);
  section.append(title, words(described.description ?? described.summary ?? ""));
  const parameters = (described.parameters ?? []).map((p) => [make("code", p.name), p.in, type(p.schema), p.description ?? ""]);
  if (parameters.length) section.append(table(["parameter", "in", "type", ""], parameters));
  section.append(contents("Sends", described.requestBody?.content));
  for (const [status, answer] of Object.entries(described.responses)) {
    section.append(contents(`Answers ${status}`, answer.content, answer.description));
  }
  return section;
}

function contents(label, content = {}, description = "") {
  const group = document.createDocumentFragment();
  for (const [media, { schema }] of Object.entries(content)) {
    const line = make("p", `${label}: `);
    line.append(make("code", media), " ", type(schema), description ? ` – ${description}` : "");
    group.append(line);
  }
  return group;
}

function schema(name, described) {
  const section = make("section", "", "operation");
  section.id = `schema-${name}`;
  section.append(make("h3", name), words(described.description ?? ""));
  const fields = Object.entries(described.properties ?? {}).map(([field, one]) => [
    make("code", field + ((described.required ?? []).includes(field) ? "" : " ?")),
    type(one),
    one.description ?? "",
  ]);
  if (fields.length) section.append(table(["field", "type", ""], fields));
  return section;
}

async function start() {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const document_ = await response.json();
  at("about").append(...words(document_.info.description).childNodes);
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const item = make("li");
      const link = make("a", `${method.toUpperCase()} ${path}`);
      link.href = `#${described.operationId}`;
      item.append(link);
      at("index").append(item);
      at("operations").append(operation(path, method, described));
    }
  }
  const schemas = Object.entries(document_.components?.schemas ?? {});
  at("schemas").append(...schemas.map(([name, described]) => schema(name, described)));
  at("schemas").hidden = false;
}

start().catch((error) => {
  at("notice").textContent = `The description cannot be shown: ${error.message}.`;
  at("notice").hidden = false;
});
