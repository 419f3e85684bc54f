// Sends requests for Vonage's hosts to the simulator's HTTPS port: the CLI has no option for the
// host. Node loads this file first (NODE_OPTIONS=--require).
const https = require("https");

const request = https.request;
https.request = (options, ...rest) => {
  const host = options.hostname || options.host;
  if (!["api.nexmo.com", "rest.nexmo.com"].includes(host)) {
    throw new Error(`unexpected host ${host}`);
  }
  const target = { host: "localhost", hostname: "localhost", port: process.env.SIMULATOR_PORT };
  return request({ ...options, ...target }, ...rest);
};
