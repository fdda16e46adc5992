// Reads one JSON list of statements a line; answers each with one line: a list of error texts for each statement.
const readline = require("node:readline");
const validate = require("@learninglocker/xapi-validation").default;

const describe = ({ path, data, typeName, constructor }) => {
  const wanted = typeName === undefined ? "" : `, ${typeName} expected`;
  const found = data === undefined ? "" : `, found ${JSON.stringify(data)}`;
  return `${path.join(".")}: ${constructor.name}${wanted}${found}`;
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const errors = JSON.parse(line).map((statement) => validate(statement).map(describe));
  process.stdout.write(`${JSON.stringify(errors)}\n`);
});
