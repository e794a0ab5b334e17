// The notation of wire.md: H, T, L, u32, PAE, kid, and the two spellings of base64.

import { createHash } from "node:crypto";
import { refuse } from "./refused.mjs";

export const concat = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
export const H = (...parts) => createHash("sha256").update(concat(...parts)).digest();
export const T = (name) => Buffer.from(`accord/v1/${name}\0`, "ascii");
export const equal = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;

export function u32(number) {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(number);
  return out;
}

export const L = (x) => concat(u32(Buffer.from(x).length), x);

export const payloadType = (name) => `application/vnd.accord.${name}.v1+json`;

// DSSE v1: lengths are decimal and count bytes.
export function PAE(type, payload) {
  return concat(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `, payload);
}

export const keyId = (role, publicKey) => H(T("key"), L(role), publicKey).subarray(0, 16);

export const toBase64url = (data) => Buffer.from(data).toString("base64url");

// Node ignores what it does not know; one spelling for each value means: what we decode must encode to the same text.
export function fromBase64url(text, kind = "format") {
  const data = Buffer.from(String(text), "base64url");
  if (typeof text !== "string" || data.toString("base64url") !== text) refuse(kind, "not base64url without padding");
  return data;
}

export function fromBase64(text, kind = "format") {
  const data = Buffer.from(text, "base64");
  if (data.toString("base64") !== text) refuse(kind, "not standard base64");
  return data;
}
