#!/usr/bin/env node
// Open every test vector of Accord and compare the verdict with the expected one.
//
//   node verify.mjs [FOLDER]      FOLDER holds federation.json and files of vectors; default ../vectors
//
// Exit: 0 every verdict is the expected one, 1 some are not, 66 the folder cannot be read.
// Written from wire.md alone; shares no line and no library with the gateway.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { CHECKS, openFederation } from "./lib/checks.mjs";
import { CLASSES, Refused } from "./lib/refused.mjs";

function read(folder) {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "federation.json").sort();
    const load = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
    return { federation: load("federation.json"), vectors: names.flatMap((name) => load(name).vectors) };
  } catch (error) {
    console.error(`verify: cannot read vectors: ${error.message}`);
    process.exit(66);
  }
}

async function judge(federation, { check, given }) {
  try {
    return { verdict: "ok", values: await CHECKS[check](federation, given) };
  } catch (error) {
    // Anything else is a fault of this program, and must not pass for a refusal.
    if (!(error instanceof Refused) || !CLASSES.includes(error.kind)) throw error;
    return { verdict: "refused", class: error.kind, why: error.message };
  }
}

function differs(expected, found) {
  if (expected.verdict !== found.verdict) return `is ${found.verdict}: ${found.why ?? "accepted"}`;
  if (expected.class !== found.class) return `class ${found.class}: ${found.why}`;
  const wrong = Object.keys(expected.values ?? {}).filter(
    (name) => !isDeepStrictEqual(expected.values[name], found.values[name]),
  );
  return wrong.length ? `other values: ${wrong.join(", ")}` : null;
}

const { federation, vectors } = read(process.argv[2] ?? fileURLToPath(new URL("../vectors", import.meta.url)));
const opened = openFederation(federation);
const width = Math.max(...vectors.map(({ name }) => name.length));
let failed = 0;
for (const vector of vectors) {
  const found = await judge(opened, vector);
  const wrong = differs(vector.expect, found);
  failed += wrong === null ? 0 : 1;
  const verdict = [found.verdict, found.class].filter(Boolean).join(" ");
  console.log(`${wrong === null ? "as expected" : "UNEXPECTED "}  ${vector.name.padEnd(width)}  ${verdict}`
    + `${found.why === undefined ? "" : `: ${found.why}`}${wrong === null ? "" : `  [${wrong}]`}`);
}
console.log(`${vectors.length - failed} of ${vectors.length} vectors as expected`);
process.exit(failed === 0 ? 0 : 1);
