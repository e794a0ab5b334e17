// The directory: an edition under k of n pinned keys, the grants inside it under the central node's own key.

import { H, PAE, fromBase64url, keyId, payloadType, toBase64url } from "./bytes.mjs";
import { verify } from "./ed25519.mjs";
import { as, demand } from "./refused.mjs";
import { canonical } from "./schema.mjs";
import { checkKey, decodeStatement } from "./statements.mjs";
import * as words from "./words.mjs";

const CLOCK_AHEAD_MS_MAX = 120_000;

// k distinct keys of the set must have signed. Whoever of them is named must have signed, and nobody twice.
function checkThreshold(keySet, statement, atMs) {
  const signed = new Set();
  for (const { k, g } of statement.s) {
    const key = keySet.keys.find(({ kid }) => kid === toBase64url(k));
    if (key === undefined) continue;
    demand(!signed.has(key.kid), "trust", "one directory key has signed twice");
    demand(inForce(key, atMs) && key.status === "active", "trust", "a directory key that is not in force");
    const holds = verify(fromBase64url(key.public), g, PAE(statement.t, statement.h));
    demand(holds, "trust", "a directory key's signature fails");
    signed.add(key.kid);
  }
  demand(signed.size >= keySet.threshold, "trust", "signed by too few directory keys");
}

const inForce = (key, atMs) => key.not_before_ms <= atMs && atMs < key.not_after_ms;

function checkKeySet({ threshold, keys }) {
  demand(new Set(keys.map((key) => key.kid)).size === keys.length, "trust", "a directory key listed twice");
  demand(threshold <= keys.length, "trust", "a threshold that can never be reached");
  for (const key of keys) {
    demand(key.role === "directory", "trust", "a key in the key set that is no directory key");
    checkKey("directory", key.kid, fromBase64url(key.public));
  }
}

// Every list in its one order, nothing in it twice: an edition is read in one way only.
function checkOrder(edition) {
  const rising = (name, values) => {
    demand(values.every((value, i) => i === 0 || values[i - 1] < value), "trust", `${name} not strictly increasing`);
  };
  rising("key set", edition.key_set.keys.map(({ kid }) => kid));
  rising("gateways", edition.gateways.map(({ origin }) => origin));
  rising("witnesses", edition.witnesses.map(({ kid }) => kid));
  rising("law", edition.law.map(({ agreement }) => agreement));
  rising("parties", edition.parties.map(({ id }) => id));
  rising("authorities", edition.authorities.map(({ id }) => id));
  rising("adherences", edition.adherences.map(({ agreement, party }) => `${agreement} ${party}`));
  for (const authority of edition.authorities) {
    rising("keys", authority.keys.map(({ kid }) => kid));
    rising("endpoints", authority.endpoints.map((endpoint) => endpoint.spki_sha256));
    for (const codes of Object.values(authority.mandate)) if (codes !== null) rising("mandate", codes);
  }
}

// One key, one role, one authority: a public key stands in one place.
function checkOnce(edition) {
  const entries = [
    ...edition.key_set.keys, ...edition.witnesses, ...edition.authorities.flatMap(({ keys }) => keys),
  ].map((entry) => entry.public);
  const all = [...entries, ...edition.gateways.map((gateway) => gateway.checkpoint_public)];
  demand(new Set(all).size === all.length, "trust", "a key listed twice");
}

const AUTHORITY_ROLES = ["message", "seal", "signatory", "consent", "acknowledgement", "wrap"];

function listKeys(edition) {
  const keys = new Map();
  const parties = new Set(edition.parties.map(({ id }) => id));
  for (const authority of edition.authorities) {
    demand(parties.has(authority.party), "trust", "an authority of a party that is not listed");
    for (const entry of authority.keys) {
      demand(AUTHORITY_ROLES.includes(entry.role), "trust", "a role that no authority's key may have");
      const compromised = entry.status === "compromised";
      demand(compromised === (entry.invalid_from_ms !== null), "trust", "a compromised key names since when");
      const publicKey = fromBase64url(entry.public);
      checkKey(entry.role, entry.kid, publicKey);
      keys.set(entry.kid, { ...entry, authority, publicKey });
    }
  }
  return keys;
}

function checkGateways(edition) {
  for (const { checkpoint_key: kid, checkpoint_public: text } of edition.gateways) {
    checkKey("checkpoint", kid, fromBase64url(text));
  }
}

// Whether a fresh signature under a key may be believed.
function accepts(key, atMs) {
  if (key.status === "superseded" || key.authority.revoked) return false;
  if (key.invalid_from_ms !== null && atMs >= key.invalid_from_ms) return false;
  return inForce(key, atMs);
}

// Whether a grant has expired is asked when it is used, not here.
export function openGrants(signed, { network, grantsPublic, grantsNumberMin }, before) {
  if (signed === null) return null;
  const h = fromBase64url(signed.h);
  const current = followGrantsKey(signed.successions, network, grantsPublic);
  demand(signed.k === toBase64url(keyId("grants", current)), "trust", "grants under another key than is pinned");
  const holds = verify(current, fromBase64url(signed.g), PAE(payloadType("grants"), h));
  demand(holds, "trust", "the grants are not signed by the pinned key");
  const grants = canonical(words.grants, h);
  demand(grants.network === network, "trust", "grants of another network");
  demand(grants.number >= grantsNumberMin, "trust", "grants older than those seen");
  demand(before === null || grants.number >= before.number, "trust", "grants older than those in use");
  return grants;
}

// The pinned grants key is followed by another only under its own signature.
function followGrantsKey(successions, network, pinned) {
  const start = successions.findIndex(({ public: key }) => key === toBase64url(pinned)) + 1;
  return successions.slice(start).reduce((current, { public: key, g }) => {
    const said = Buffer.from(JSON.stringify({ v: 1, network, public: key }));
    const holds = verify(current, fromBase64url(g), PAE(payloadType("grants-key"), said));
    demand(holds, "trust", "a grants key that the one before it did not name");
    return fromBase64url(key);
  }, pinned);
}

function checkGrantsKeys(before, after) {
  const kept = before.successions.every(({ public: key }, place) => after.successions[place]?.public === key);
  demand(kept, "trust", "a grants key that was followed by another came back");
}

// `previous`: the edition now in force, as this function returned it, or null when only the pinned key set is known.
export function openEdition(raw, { network, atMs, pinned, previous, grantsPublic, grantsNumberMin }) {
  return as("trust", () => {
    const statement = decodeStatement(raw, words.EDITION_BYTES_MAX, 32);
    demand(statement.t === payloadType("directory"), "trust", "no directory edition");
    const before = previous === null ? pinned : previous.edition.key_set;
    checkThreshold(before, statement, atMs);
    const edition = canonical(words.edition, statement.h);
    const sha256 = toBase64url(H(statement.h));
    demand(edition.network === network, "trust", "an edition of another network");
    checkKeySet(edition.key_set);
    checkThreshold(edition.key_set, statement, atMs);
    const known = [...before.keys, ...edition.key_set.keys].map(({ kid }) => kid);
    demand(statement.s.every(({ k }) => known.includes(toBase64url(k))), "trust", "somebody signed who may not");
    demand(edition.issued_at_ms <= atMs + CLOCK_AHEAD_MS_MAX, "trust", "issued in the future");
    demand(atMs < edition.not_after_ms, "trust", "expired");
    demand((edition.number === 1) === (edition.previous_sha256 === null), "trust", "only the first follows none");
    if (previous !== null) checkSuccession(edition, sha256, previous);
    checkOrder(edition);
    checkOnce(edition);
    const keys = listKeys(edition);
    checkGateways(edition);
    if (previous?.edition.grants && edition.grants) checkGrantsKeys(previous.edition.grants, edition.grants);
    const grants = openGrants(edition.grants, { network, grantsPublic, grantsNumberMin }, previous?.grants ?? null);
    const authorities = new Map(edition.authorities.map((authority) => [authority.id, authority]));
    return { edition, sha256, keys, authorities, grants, accepts };
  });
}

function checkSuccession(edition, sha256, previous) {
  const { number } = previous.edition;
  demand(edition.number >= number, "trust", "an edition older than the one in force");
  demand(edition.number > number || sha256 === previous.sha256, "trust", "two editions of one number");
  if (edition.number === number + 1) {
    demand(edition.previous_sha256 === previous.sha256, "trust", "not the successor of the edition in force");
  }
}
