// Runs calls of Vonage's Node SDK: reads {credentials, options, calls, publicHost} from standard
// input, and prints the result of each call. A call is ["voice.getCall", argument, …]. A failed
// call has the result {"error", "status"}.
const dns = require("dns");
const fs = require("fs");
const { verifySignature, tokenGenerate } = require("@vonage/jwt");
const { Vonage } = require("@vonage/server-sdk");

const input = JSON.parse(fs.readFileSync(0, "utf8"));

// The client resolves the public host to this machine: no change of /etc/hosts is needed.
const lookup = dns.lookup;
dns.lookup = (name, ...rest) =>
  lookup(name === input.publicHost ? "127.0.0.1" : name, ...rest);

const roots = {
  ...new Vonage(input.credentials, input.options),
  jwt: { verifySignature, tokenGenerate },
};

async function collected(iterator) {
  const items = [];
  for await (const item of iterator) items.push(item);
  return items;
}

async function run([name, ...values]) {
  const [client, method] = name.split(".");
  try {
    const result = roots[client][method](...values);
    const value = result?.[Symbol.asyncIterator] ? await collected(result) : await result;
    return value === undefined ? null : value;
  } catch (error) {
    return { error: error.message, status: error.response?.status ?? null };
  }
}

(async () => {
  const results = [];
  for (const call of input.calls) results.push(await run(call));
  process.stdout.write(JSON.stringify(results));
})();
