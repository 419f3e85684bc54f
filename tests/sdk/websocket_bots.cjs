// WebSocket bots with the packages of Vonage's samples for Node.
//
// node websocket_bots.cjs PACKAGE FOLDER [CERTIFICATE] prints the port, and a line of JSON for each
// connection that ended. /echo returns each message; /recorder writes FOLDER/recording.wav.
"use strict";

const fs = require("fs");
const http = require("http");
const https = require("https");
const path = require("path");

const [name, folder, certificate] = process.argv.slice(2);

function wav(frames, rate) {
  const audio = Buffer.concat(frames);
  const header = Buffer.alloc(44);
  header.write("RIFF");
  header.writeUInt32LE(36 + audio.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // mono
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(2 * rate, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(audio.length, 40);
  return Buffer.concat([header, audio]);
}

function echo(socket) {
  socket.on("message", (message) => socket.send(message));
  socket.on("close", (code) => console.log(JSON.stringify({ texts: [], code })));
}

function record(socket) {
  const texts = [];
  const frames = [];
  socket.on("message", (message) => {
    if (typeof message === "string") texts.push(JSON.parse(message));
    else frames.push(message);
  });
  socket.on("close", (code) => {
    const rate = Number(texts[0]["content-type"].split("rate=")[1]);
    fs.writeFileSync(path.join(folder, "recording.wav"), wav(frames, rate));
    console.log(JSON.stringify({ texts, code }));
  });
}

const pem = certificate && fs.readFileSync(certificate);
const server = pem ? https.createServer({ key: pem, cert: pem }) : http.createServer();
if (name === "express-ws") {
  const app = require("express")();
  require("express-ws")(app, server);
  server.on("request", app);
  app.ws("/echo", echo);
  app.ws("/recorder", record);
} else {
  const { WebSocketServer } = require("ws");
  new WebSocketServer({ server, path: "/echo" }).on("connection", echo);
}
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
