// Statements: signed and open. Consent, revocation, key registration, acknowledgements and their evidence.

import { H, PAE, fromBase64url, keyId, payloadType, toBase64url } from "./bytes.mjs";
import { isValidPublicKey, verify } from "./ed25519.mjs";
import { signaturesDigest } from "./envelope.mjs";
import { isUsableX25519 } from "./hpke.mjs";
import { leafHash, root, rootFromInclusion } from "./merkle.mjs";
import * as messagepack from "./messagepack.mjs";
import { demand, refuse } from "./refused.mjs";
import { canonical } from "./schema.mjs";
import * as words from "./words.mjs";

const CLOCK_AHEAD_MS_MAX = 120_000;

export function decodeStatement(raw, max = words.STATEMENT_BYTES_MAX, signatures = 8) {
  demand(raw.length <= max, "format", "larger than a statement may be");
  const statement = words.signedStatement(max, signatures)(messagepack.decode(raw), "$");
  demand(statement.s.length > 0, "format", "nobody has signed");
  demand(statement.s.every(({ n }) => n === undefined), "format", "only messages are signed in batches");
  return statement;
}

function keyOf(directory, kid, role, atMs) {
  const key = directory.keys.get(toBase64url(kid));
  demand(key !== undefined, "signature", "a signer that is not in the directory");
  demand(key.role === role, "signature", `a key of role ${key.role}, not ${role}`);
  demand(atMs === null || directory.accepts(key, atMs), "signature", "a key that is not in force");
  return key;
}

const KINDS = {
  [payloadType("consent")]: ["consent", words.consent],
  [payloadType("consent-revocation")]: ["consent-revocation", words.consentRevocation],
};

// A consent or its revocation: one signature, under a key of role `consent` of the provider.
export function openStatement(raw, { directory, network, atMs }) {
  const { t, h, s } = decodeStatement(raw);
  demand(t in KINDS, "format", "of no type that is judged here");
  const [type, schema] = KINDS[t];
  demand(s.length === 1, "signature", "not one signature");
  const key = keyOf(directory, s[0].k, "consent", atMs);
  demand(verify(key.publicKey, s[0].g, PAE(t, h)), "signature", "the signature fails");
  const value = canonical(schema, h);
  demand(value.network === network, "format", "another network");
  demand(value.provider === key.authority.id, "signature", "signed by another authority than the provider");
  checkConsentTimes(value, atMs);
  return { type, value, sha256: toBase64url(H(h)), signaturesSha256: toBase64url(signaturesDigest(s)) };
}

function checkConsentTimes(value, atMs) {
  const issued = value.issued_at_ms ?? value.at_ms;
  demand(issued <= atMs + CLOCK_AHEAD_MS_MAX, "format", "issued in the future");
  if (value.not_before_ms === undefined) return;
  demand(value.not_before_ms < value.not_after_ms, "format", "it ends before it begins");
}

// An authority's keys, signed by each of those that sign: proof of possession.
export function openRegistration(raw, network) {
  const { t, h, s } = decodeStatement(raw);
  demand(t === payloadType("key-registration"), "format", "no key registration");
  const value = canonical(words.keyRegistration, h);
  demand(value.network === network, "format", "another network");
  const offers = value.keys.map((key) => ({ ...key, raw: fromBase64url(key.public) }));
  for (const key of offers) checkKey(key.role, key.kid, key.raw);
  demand(offers.every(({ kid }, i) => i === 0 || offers[i - 1].kid < kid), "format", "keys that are not sorted");
  const signing = offers.filter((key) => key.role !== "wrap");
  const vouched = signing.length === offers.length || signing.some((key) => key.role === "message");
  demand(vouched, "format", "wrap keys without a message key that vouches for them");
  const offered = new Map(offers.map((key) => [key.kid, key]));
  const kids = s.map(({ k }) => toBase64url(k));
  const each = kids.join() === signing.map(({ kid }) => kid).join();
  demand(each, "signature", "not signed by each of its keys once, in order");
  for (const { k, g } of s) {
    demand(verify(offered.get(toBase64url(k)).raw, g, PAE(t, h)), "signature", "a proof of possession fails");
  }
  return value;
}

// One key as a directory may list it.
export function checkKey(role, kid, raw) {
  demand(toBase64url(keyId(role, raw)) === kid, "trust", "a kid that is not its key's");
  if (role === "wrap") {
    demand(raw.length === 32 || raw.length === 1216, "trust", "a wrap key of no suite");
    demand(isUsableX25519(raw.subarray(-32)), "trust", "an X25519 key of small order, or not canonical");
  } else {
    demand(raw.length === 32 && isValidPublicKey(raw), "trust", "a signing key that is no canonical point of the prime-order group");
  }
}

function openBatch(h, signature, { directory, network, atMs }) {
  demand(signature.n === undefined, "format", "a batch signature over a batch");
  const key = keyOf(directory, signature.k, "acknowledgement", atMs);
  const type = payloadType("acknowledgement-batch");
  demand(verify(key.publicKey, signature.g, PAE(type, h)), "signature", "the signature fails");
  const batch = canonical(words.acknowledgementBatch, h);
  demand(batch.network === network, "format", "another network");
  return { batch, recipient: key.authority.id };
}

function openItem(raw, network, recipient) {
  const item = canonical(words.acknowledgement, raw);
  demand(item.network === network, "format", "another network");
  demand(item.recipient === recipient, "signature", "an item of another recipient than the signer");
  return item;
}

// A batch as the recipient sends it: every item, under one signed root.
export function openAcknowledgements(raw, context) {
  const { h, s, items } = words.signedAcknowledgements(messagepack.decode(raw), "$");
  const { batch, recipient } = openBatch(h, s, context);
  const found = toBase64url(root(items.map(leafHash)));
  demand(batch.size === items.length && batch.root === found, "signature", "the items are not those under the root");
  return { recipient, batch, items: items.map((item) => openItem(item, context.network, recipient)) };
}

// One item with its path, as its originator keeps it: evidence that stands alone.
export function openEvidence(raw, context) {
  const { h, s, item, i, p } = words.evidence(messagepack.decode(raw), "$");
  const { batch, recipient } = openBatch(h, s, context);
  const found = rootFromInclusion(leafHash(item), i, batch.size, p, "format");
  if (toBase64url(found) !== batch.root) refuse("signature", "the item is not under the signed root");
  return openItem(item, context.network, recipient);
}
