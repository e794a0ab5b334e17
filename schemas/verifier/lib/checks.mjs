// The kinds of vectors: what is given, and what a verifier finds out. `federation` is what everybody knows beforehand.

import { createHash } from "node:crypto";
import { fromBase64url, toBase64url } from "./bytes.mjs";
import { openEdition } from "./directory.mjs";
import { authenticate, fromJson, fromMessagePack, unseal } from "./envelope.mjs";
import { publicKeyOf } from "./hpke.mjs";
import { checkConsistency, openCheckpoint, openReceipt } from "./ledger.mjs";
import { checkKey, openAcknowledgements, openEvidence, openRegistration, openStatement } from "./statements.mjs";
import { demand } from "./refused.mjs";

// PUBLIC TEST KEYS: anybody can derive the secret half from the name. Never use one for anything else.
export const seedOf = (name) => createHash("sha256").update(`accord test vector ${name}`).digest();

const known = (federation, name) => federation.keys.find((key) => key.name === name);
const rawKey = (federation, name) => fromBase64url(known(federation, name).public);

function settings(federation, given) {
  return { network: federation.network, atMs: given.at_ms ?? federation.at_ms, grantsNumberMin: 0 };
}

function readEdition(federation, text, given, previous) {
  return openEdition(fromBase64url(text), {
    ...settings(federation, given),
    pinned: federation.pinned,
    previous,
    grantsPublic: rawKey(federation, given.grants_key ?? "grants"),
    grantsNumberMin: given.grants_number_min ?? 0,
  });
}

// The federation's own edition is verified once, at its own time; vectors look at it at theirs.
export function openFederation(federation) {
  return { ...federation, directory: readEdition(federation, federation.edition, {}, null) };
}

const context = (federation, given) => ({ ...settings(federation, given), directory: federation.directory });

function readEnvelope(given) {
  return given.json === undefined ? fromMessagePack(fromBase64url(given.envelope)) : fromJson(given.json);
}

function secretsOf(federation, authority) {
  const own = federation.keys.filter((key) => key.authority === authority && key.role === "wrap");
  return new Map(own.map((key) => [key.kid, seedOf(key.name)]));
}

// `before`: envelopes opened earlier by the same verifier, which remembers the roots that it has verified.
async function envelope(federation, given) {
  const memory = new Set();
  for (const text of given.before ?? []) {
    authenticate(fromMessagePack(fromBase64url(text)), { ...context(federation, given), memory });
  }
  const read = readEnvelope(given);
  const message = authenticate(read, { ...context(federation, given), memory, whole: !given.pruned });
  const found = {
    header: read.h.toString("latin1"),
    header_sha256: message.headerSha256,
    signatures_sha256: message.signaturesSha256,
  };
  if (given.recipient === undefined) return found;
  const opened = await unseal(read, message, given.recipient, secretsOf(federation, given.recipient));
  return {
    ...found,
    content_key: toBase64url(opened.contentKey),
    context: toBase64url(opened.context),
    plaintext: toBase64url(opened.plaintext),
  };
}

function statement(federation, given) {
  const { type, value, sha256, signaturesSha256 } = openStatement(
    fromBase64url(given.statement), context(federation, given),
  );
  return { type, authority: value.provider, sha256, signatures_sha256: signaturesSha256 };
}

function registration(federation, given) {
  const value = openRegistration(fromBase64url(given.statement), federation.network);
  return { authority: value.authority, keys: value.keys.map((key) => key.kid) };
}

async function key(federation, given) {
  const raw = fromBase64url(given.public);
  checkKey(given.role, given.kid, raw);
  if (given.name !== undefined && given.role === "wrap") {
    const derived = await publicKeyOf(raw.length === 32 ? 1 : 2, seedOf(given.name));
    demand(derived.equals(raw), "trust", "not the public key of the seed");
  }
  return { kid: given.kid };
}

function acknowledgements(federation, given) {
  const { recipient, batch, items } = openAcknowledgements(fromBase64url(given.batch), context(federation, given));
  return { recipient, seen: batch.seen, items };
}

function evidence(federation, given) {
  return openEvidence(fromBase64url(given.evidence), { ...context(federation, given), atMs: null });
}

function edition(federation, given) {
  const previous = given.previous === undefined ? null : readEdition(federation, given.previous, {}, null);
  const found = readEdition(federation, given.edition, given, previous);
  return { number: found.edition.number, sha256: found.sha256, grants_number: found.grants?.number ?? null };
}

function checkpoint(federation, given) {
  const { size, root } = openCheckpoint(Buffer.from(given.note), given.origin, rawKey(federation, given.key));
  return { size, root: toBase64url(root) };
}

function receipt(federation, given) {
  const gateways = new Map(federation.directory.edition.gateways.map(
    (entry) => [entry.origin, fromBase64url(entry.checkpoint_public)],
  ));
  const { record, index, size, root } = openReceipt(Buffer.from(given.receipt), {
    objectSha256: given.object_sha256 ?? null, gateways, network: federation.network,
  });
  return { event: record.event, outcome: record.outcome, index, size, root };
}

function consistency(federation, given) {
  return checkConsistency({
    oldNote: Buffer.from(given.old),
    newNote: Buffer.from(given.new),
    path: given.path.map((node) => fromBase64url(node, "trust")),
    origin: federation.origin,
    publicKey: rawKey(federation, "checkpoint"),
  });
}

export const CHECKS = {
  acknowledgements, checkpoint, consistency, edition, envelope, evidence, key, receipt, registration, statement,
};
