// Plays a session of cmi5 with the library @xapi/cmi5: node play.js LINK STEP ...
// A step is a method of the library, with a score after a colon where it takes one: initialize pass:0.9 terminate.
const [link, ...steps] = process.argv.slice(2);

// What the library needs of a browser: the address that the LMS opened, and requests.
class XMLHttpRequest {
  onloadend = null;
  headers = {};

  open(method, url) {
    Object.assign(this, { method, responseURL: url });
  }

  setRequestHeader(name, value) {
    this.headers[name] = value;
  }

  getAllResponseHeaders() {
    return [...this.answer.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  }

  async send(body) {
    const { method, headers } = this;
    try {
      this.answer = await fetch(this.responseURL, { method, headers, body: body ?? undefined });
      this.responseText = await this.answer.text();
    } catch (problem) {
      this.onerror(problem);
      return;
    }
    this.status = this.answer.status;
    this.statusText = this.answer.statusText;
    this.onloadend();
  }
}

Object.assign(globalThis, { window: globalThis, location: new URL(link), XMLHttpRequest });

const Cmi5 = require("@xapi/cmi5/dist/Cmi5.umd.js");

const play = async () => {
  const unit = new Cmi5();
  for (const step of steps) {
    const [, name, score] = step.match(/^(\w+):?(.*)$/);
    await unit[name](...(score ? [JSON.parse(score)] : []));
  }
};

play().catch((problem) => {
  const answer = problem.response;
  process.stderr.write(`${answer ? `${answer.status} ${JSON.stringify(answer.data)}` : problem.stack}\n`);
  process.exitCode = 1;
});
