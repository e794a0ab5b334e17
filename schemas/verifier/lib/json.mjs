// Canonical JSON: there is exactly one spelling, so the reader only knows that one.
//
// No white space, no escapes, printable ASCII, integers from 0 to 2^53 - 1, no doubled keys.
// Objects become Maps, so that the order of fields can be held against a schema.

import { demand, refuse } from "./refused.mjs";

const DEPTH_MAX = 16;

export function parse(raw) {
  const text = Buffer.from(raw).toString("latin1");
  const reader = { text, at: 0 };
  const value = readValue(reader, 0);
  demand(reader.at === text.length, "format", "json: something follows after the object");
  return value;
}

function readValue(reader, depth) {
  demand(depth < DEPTH_MAX, "format", "json: nested too deeply");
  const head = reader.text[reader.at];
  if (head === "{") return readObject(reader, depth);
  if (head === "[") return readArray(reader, depth);
  if (head === '"') return readString(reader);
  if (head >= "0" && head <= "9") return readInteger(reader);
  for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
    if (reader.text.startsWith(word, reader.at)) {
      reader.at += word.length;
      return value;
    }
  }
  return refuse("format", "json: no value that has one spelling only");
}

function expect(reader, character) {
  demand(reader.text[reader.at] === character, "format", `json: expected ${character}`);
  reader.at += 1;
}

function readString(reader) {
  const found = /"([ !#-[\]-~]*)"/y;
  found.lastIndex = reader.at;
  const match = found.exec(reader.text);
  demand(match !== null, "format", "json: a string that is not plain printable ASCII");
  reader.at = found.lastIndex;
  return match[1];
}

function readInteger(reader) {
  const found = /0|[1-9][0-9]{0,15}/y;
  found.lastIndex = reader.at;
  const number = Number(found.exec(reader.text)[0]);
  reader.at = found.lastIndex;
  demand(Number.isSafeInteger(number), "format", "json: an integer over 2^53 - 1");
  return number;
}

function readArray(reader, depth) {
  const out = [];
  expect(reader, "[");
  while (reader.text[reader.at] !== "]") {
    if (out.length) expect(reader, ",");
    out.push(readValue(reader, depth + 1));
  }
  expect(reader, "]");
  return out;
}

function readObject(reader, depth) {
  const out = new Map();
  expect(reader, "{");
  while (reader.text[reader.at] !== "}") {
    if (out.size) expect(reader, ",");
    const key = readString(reader);
    demand(!out.has(key), "format", "json: a doubled key");
    expect(reader, ":");
    out.set(key, readValue(reader, depth + 1));
  }
  expect(reader, "}");
  return out;
}
