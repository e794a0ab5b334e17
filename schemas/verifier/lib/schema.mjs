// Schemas as small functions: each takes what `json.parse` or `messagepack.decode` read and returns a plain value,
// or refuses. Fields stand in the order of the schema, every one present, no others.

import { parse } from "./json.mjs";
import { demand, refuse } from "./refused.mjs";

export const text = (pattern) => (value, path) => {
  demand(typeof value === "string" && pattern.test(value), "format", `${path}: not spelled as it must be`);
  return value;
};

export const integer = (min, max) => (value, path) => {
  demand(Number.isSafeInteger(value) && value >= min && value <= max, "format", `${path}: not from ${min} to ${max}`);
  return value;
};

export const bytes = (min, max = min) => (value, path) => {
  const fits = Buffer.isBuffer(value) && value.length >= min && value.length <= max;
  demand(fits, "format", `${path}: not ${min} to ${max} bytes`);
  return value;
};

export const oneOf = (...values) => (value, path) => {
  demand(values.includes(value), "format", `${path}: none of ${values.join(", ")}`);
  return value;
};

export const nullable = (inner) => (value, path) => (value === null ? null : inner(value, path));

export const list = (inner, min, max) => (value, path) => {
  const fits = Array.isArray(value) && value.length >= min && value.length <= max;
  demand(fits, "format", `${path}: not a list of ${min} to ${max}`);
  return value.map((item, i) => inner(item, `${path}[${i}]`));
};

const increasing = (values) => values.every((value, i) => i === 0 || values[i - 1] < value);

// A list whose order means nothing is sorted, and holds nothing twice.
export const sorted = (inner, min, max) => (value, path) => {
  const values = list(inner, min, max)(value, path);
  demand(increasing(values), "format", `${path}: not strictly increasing`);
  return values;
};

// A map of registered keys to booleans or codes.
export const map = (key, inner, max) => (value, path) => {
  demand(value instanceof Map && value.size <= max, "format", `${path}: not a map of at most ${max}`);
  demand(increasing([...value.keys()]), "format", `${path}: keys are not sorted`);
  return Object.fromEntries([...value].map(([k, v]) => [key(k, path), inner(v, `${path}.${k}`)]));
};

// `optional` fields may be left out together (the batch part of a signature); null is never written for them.
export const object = (fields, optional = {}) => (value, path) => {
  demand(value instanceof Map, "format", `${path}: not an object`);
  const all = { ...fields, ...(value.size > Object.keys(fields).length ? optional : {}) };
  const names = Object.keys(all);
  const exact = value.size === names.length && [...value.keys()].every((name, i) => name === names[i]);
  demand(exact, "format", `${path}: fields are not exactly ${names.join(", ")}, in this order`);
  return Object.fromEntries(names.map((name) => [name, all[name](value.get(name), `${path}.${name}`)]));
};

export const either = (...options) => (value, path) => {
  for (const option of options) {
    try {
      return option(value, path);
    } catch {
      // The next option may fit.
    }
  }
  return refuse("format", `${path}: of no permitted kind`);
};

// One spelling: the parser knows no other, and the schema demands order and completeness.
export const canonical = (schema, raw) => schema(parse(raw), "$");
