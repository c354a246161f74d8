// Makes Twilio's description of its API say what Twilio does, where Twilio's own examples contradict it:
//
//     node patch.mjs FOLDER_OF_DESCRIPTIONS FOLDER_TO_WRITE_TO
//
// - links may be relative, and what is not set may be empty text (sids, web addresses), in answers and in forms;
// - where a number is comes as text, and moments may be asked for by their day;
// - errors are described, in both of Twilio's forms;
// - an origination URL is a SIP address with a weight and a priority that Twilio takes.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [from, to] = process.argv.slice(2);

const error = {
  oneOf: [
    {
      type: "object",
      required: ["message", "status"],
      properties: {
        code: { type: "integer" },
        message: { type: "string" },
        more_info: { type: "string" },
        status: { type: "integer" },
        details: { type: "object" },
      },
    },
    {
      type: "object",
      required: ["type", "title", "detail"],
      properties: { type: { type: "string" }, title: { type: "string" }, detail: { type: "string" } },
    },
  ],
};

const errors = { 400: 20001, 401: 20003, 404: 20404, 429: 20429, 500: 20500 };

function relax(schema) {
  if (schema === null || typeof schema !== "object") return;
  if (schema.format === "uri") schema.format = "uri-reference";
  const sid = /^\^(.*\{32\})\$$/.exec(schema.pattern ?? "");
  if (sid) {
    schema.pattern = `^(${sid[1]})?$`;
    delete schema.minLength;
  }
  for (const place of ["latitude", "longitude"]) delete schema.properties?.[place]?.type;
  Object.values(schema).forEach(relax);
}

function allowDays(parameter) {
  if (parameter.in !== "query" || parameter.schema.format !== "date-time") return;
  parameter.schema = { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d:\\d\\dZ)?$" };
}

function describeErrors(operation) {
  for (const [status, code] of Object.entries(errors)) {
    const example = { status: Number(status), code, message: "as Twilio words it", more_info: "" };
    operation.responses[status] ??= {
      description: "An error",
      content: { "application/json": { schema: error, example } },
    };
  }
}

function narrow(form) {
  const { Weight, Priority, SipUrl } = form?.properties ?? {};
  if (!SipUrl) return;
  Object.assign(Weight, { minimum: 1, maximum: 65535 });
  Object.assign(Priority, { minimum: 0, maximum: 65535 });
  Object.assign(SipUrl, { pattern: "^sip:." });
}

for (const name of ["api_v2010", "trunking_v1", "monitor_v1"]) {
  const description = JSON.parse(readFileSync(join(from, `twilio_${name}.json`), "utf8"));
  relax(description.components.schemas);
  for (const path of Object.values(description.paths)) {
    for (const verb of ["get", "post", "delete"].filter((verb) => path[verb])) {
      const operation = path[verb];
      operation.parameters?.forEach(allowDays);
      describeErrors(operation);
      for (const { schema } of Object.values(operation.requestBody?.content ?? {})) {
        relax(schema);
        narrow(schema);
      }
      // Lists are answered by schemas of their own.
      Object.values(operation.responses).forEach(({ content }) => relax(content?.["application/json"]?.schema));
    }
  }
  writeFileSync(join(to, `twilio_${name}.json`), JSON.stringify(description));
}
