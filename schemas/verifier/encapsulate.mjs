#!/usr/bin/env node
// Print the ML-KEM-768 ciphertexts that the vectors of suite 2 rest on (gateway/cli/vectors_encapsulations.py).
//
// Python's library cannot encapsulate with given randomness; @noble/post-quantum can. The 32 bytes are
// SHA-256("accord test vector encapsulation " + key name): whoever runs this gets the same ciphertexts.
//
//   node encapsulate.mjs [FOLDER]      FOLDER holds federation.json; default ../vectors

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ml_kem768 as kem } from "@noble/post-quantum/ml-kem.js";
import { fromBase64url, toBase64url } from "./lib/bytes.mjs";
import { seedOf } from "./lib/checks.mjs";

const folder = process.argv[2] ?? fileURLToPath(new URL("../vectors", import.meta.url));
const { keys } = JSON.parse(readFileSync(join(folder, "federation.json"), "utf8"));
const out = {};
for (const { name, public: text } of keys) {
  const raw = fromBase64url(text);
  if (raw.length !== 1216) continue;
  out[name] = toBase64url(kem.encapsulate(raw.subarray(0, 1184), seedOf(`encapsulation ${name}`)).cipherText);
}
console.log(JSON.stringify(out, null, 2));
