// StackOne's own client. Reads one JSON object a line, {operation, request}, and answers each with one line:
// {status, data} with the pages of a list put together, or {error, status, message}.
// The operation "check" holds a body against the client's model of it: {errors} and {lost}, the keys it does not know.
const readline = require("node:readline");
const { StackOne } = require("@stackone/stackone-client-ts");
const models = require("@stackone/stackone-client-ts/sdk/models/shared");

const [serverURL, username] = process.argv.slice(2);
const client = new StackOne({ serverURL, security: { username, password: "" }, retryConfig: { strategy: "none" } });

const MODELS = {
  content: "LmsUpsertContentRequestDto",
  batch: "LmsBatchUpsertContentRequestDto",
  assignment: "LmsCreateAssignmentRequestDto",
  completion: "LmsCreateCompletionRequestDto",
};
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ENVELOPE = new Set(["contentType", "headers", "rawResponse", "statusCode", "next"]);

const withDates = (key, value) => (typeof value === "string" && MOMENT.test(value) ? new Date(value) : value);

const payload = (answer) => Object.entries(answer).find(([name]) => !ENVELOPE.has(name))?.[1];

const perform = async ({ operation, request }) => {
  const [area, name] = operation.includes(".") ? operation.split(".") : ["lms", operation];
  const answer = await client[area][name](request);
  if (answer[Symbol.asyncIterator] === undefined) {
    return { status: answer.statusCode, data: payload(answer) };
  }
  const data = [];
  let status;
  for await (const page of answer) {
    const found = page.result ?? page;
    status = found.statusCode;
    data.push(...payload(found).data);
  }
  return { status, data };
};

const lost = (sent, kept, path = "") => {
  if (sent === null || typeof sent !== "object") return [];
  return Object.keys(sent).flatMap((key) =>
    kept === null || kept === undefined || !(key in kept) ? [path + key] : lost(sent[key], kept[key], `${path}${key}.`),
  );
};

const check = ({ kind, body }) => {
  const name = MODELS[kind];
  const read = models[`${name}$inboundSchema`].safeParse(body);
  if (!read.success) return { errors: read.error.issues.map((one) => `${one.path.join(".")}: ${one.message}`), lost: [] };
  const written = JSON.parse(models[`${name[0].toLowerCase()}${name.slice(1)}ToJSON`](read.data));
  return { errors: [], lost: lost(body, written) };
};

const answer = async (line) => {
  const raw = JSON.parse(line);
  if (raw.operation === "check") return check(raw.request);
  try {
    return await perform(JSON.parse(line, withDates));
  } catch (problem) {
    return { error: problem.constructor.name, status: problem.statusCode, message: problem.message };
  }
};

const main = async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
  }
};

main();
