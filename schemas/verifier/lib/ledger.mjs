// Checkpoints (C2SP tlog-checkpoint), receipts (C2SP tlog-proof) and the consistency of two checkpoints.

import { H, T, concat, equal, fromBase64, toBase64url } from "./bytes.mjs";
import { verify } from "./ed25519.mjs";
import { leafHash, rootFromInclusion, verifyConsistency } from "./merkle.mjs";
import { as, demand, refuse } from "./refused.mjs";
import { canonical } from "./schema.mjs";
import * as words from "./words.mjs";

const ED25519 = 0x01;

function decimal(text) {
  demand(/^(0|[1-9][0-9]{0,15})$/.test(text), "trust", "no decimal number");
  const number = Number(text);
  demand(Number.isSafeInteger(number), "trust", "a number over 2^53 - 1");
  return number;
}

function hash(text) {
  const raw = fromBase64(text, "trust");
  demand(raw.length === 32, "trust", "a hash that has not 32 bytes");
  return raw;
}

// The note text ends before the last empty line; signatures of unknown keys are ignored, a known key's must hold.
function verifyNote(note, origin, publicKey) {
  const text = note.toString("utf8");
  demand(Buffer.from(text, "utf8").equals(note) && !/[\x00-\x09\x0b-\x1f]/.test(text), "trust", "not a note");
  const cut = text.lastIndexOf("\n\n");
  demand(cut > 0 && text.endsWith("\n"), "trust", "a note without signatures");
  const keyId = H(origin, "\n", [ED25519], publicKey).subarray(0, 4);
  const signed = text.slice(0, cut + 1);
  let held = false;
  for (const line of text.slice(cut + 2, -1).split("\n")) {
    const found = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line);
    demand(found !== null, "trust", "a line that is no signature");
    const raw = fromBase64(found[2], "trust");
    if (found[1] !== origin || !raw.subarray(0, 4).equals(keyId)) continue;
    demand(verify(publicKey, raw.subarray(4), Buffer.from(signed)), "trust", "the note's signature fails");
    held = true;
  }
  demand(held, "trust", "not signed by the key of this origin");
  return signed;
}

export function openCheckpoint(note, origin, publicKey) {
  const lines = verifyNote(note, origin, publicKey).split("\n");
  demand(lines.length === 4 && lines[3] === "", "trust", "a checkpoint has three lines");
  demand(lines[0] === origin, "trust", "a checkpoint of another ledger");
  return { origin, size: decimal(lines[1]), root: hash(lines[2]) };
}

function splitProof(raw) {
  const text = raw.toString("utf8");
  const cut = text.indexOf("\n\n");
  demand(cut > 0, "trust", "no checkpoint in the proof");
  const [magic, extra, index, ...path] = text.slice(0, cut).split("\n");
  demand(magic === "c2sp.org/tlog-proof@v1", "trust", "no tlog-proof");
  demand(extra?.startsWith("extra ") && index?.startsWith("index "), "trust", "no extra data or no index");
  return {
    extra: fromBase64(extra.slice(6), "trust"),
    index: decimal(index.slice(6)),
    path: path.map(hash),
    note: Buffer.from(text.slice(cut + 2), "utf8"),
  };
}

export const leafData = (salt, record) => concat(T("leaf"), H(T("record"), salt, record));

// Nothing in a receipt is believed: the leaf is computed anew, and the origin is one that the caller knows.
export function openReceipt(raw, { objectSha256, gateways, network }) {
  return as("trust", () => {
    const { extra, index, path, note } = splitProof(raw);
    const [salt, recordBytes] = [extra.subarray(0, 32), extra.subarray(32)];
    const record = canonical(words.record, recordBytes);
    const publicKey = gateways.get(record.origin);
    demand(publicKey !== undefined, "trust", "a ledger that nobody vouches for");
    const checkpoint = openCheckpoint(note, record.origin, publicKey);
    const root = rootFromInclusion(leafHash(leafData(salt, recordBytes)), index, checkpoint.size, path, "trust");
    demand(equal(root, checkpoint.root), "trust", "the record does not stand in the ledger at this index");
    demand(record.network === network, "trust", "a record of another network");
    const meant = objectSha256 === null || record.object_sha256 === objectSha256;
    demand(meant, "trust", "a receipt for another object");
    return { record, index, size: checkpoint.size, root: toBase64url(checkpoint.root) };
  });
}

export function checkConsistency({ oldNote, newNote, path, origin, publicKey }) {
  return as("trust", () => {
    const [older, newer] = [oldNote, newNote].map((note) => openCheckpoint(note, origin, publicKey));
    if (path.some((node) => node.length !== 32)) refuse("trust", "a hash that has not 32 bytes");
    verifyConsistency(older.size, older.root, newer.size, newer.root, path);
    return { old: older.size, new: newer.size };
  });
}
