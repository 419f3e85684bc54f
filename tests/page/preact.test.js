import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

const PACKAGE = "htm@3.1.1";
const PAGE = new URL("../../simulator/vonage_simulator/console/page/", import.meta.url);
const TIMEOUT = 60_000; // milliseconds

test("preact.js is the file of the package in the registry", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "preact-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = (program, ...parts) =>
    execFileSync(program, parts, { cwd: folder, encoding: "utf8", timeout: TIMEOUT });
  let file;
  try {
    file = run("npm", "pack", PACKAGE, "--silent").trim();
  } catch (error) {
    return t.skip(`npm did not fetch ${PACKAGE}: ${error.message.split("\n")[0]}`);
  }
  run("tar", "-xzf", file, "package/preact/standalone.module.js");
  const published = readFileSync(join(folder, "package/preact/standalone.module.js"));
  assert.ok(published.equals(readFileSync(new URL("preact.js", PAGE))));
});
