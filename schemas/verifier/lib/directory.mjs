// The directory: an edition under k of n pinned keys, the grants inside it under the central node's own key.

import { isDeepStrictEqual } from "node:util";
import { H, PAE, fromBase64url, keyId, payloadType, toBase64url } from "./bytes.mjs";
import { checkEdition, checkEntry, rising } from "./edition.mjs";
import { isValidPublicKey, verify } from "./ed25519.mjs";
import { as, demand } from "./refused.mjs";
import { canonical } from "./schema.mjs";
import { decodeStatement } from "./statements.mjs";
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
  for (const key of keys) checkEntry(key, ["directory"]);
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
  rising("grants", grants.grants.map(({ authority, database }) => [authority, database]));
  const outlives = grants.grants.some((grant) => grant.expires_at_ms > grants.not_after_ms);
  demand(!outlives, "trust", "a grant that outlives the document it stands in");
  demand(grants.network === network, "trust", "grants of another network");
  demand(grants.number >= grantsNumberMin, "trust", "grants older than those seen");
  demand(before === null || grants.number >= before.number, "trust", "grants older than those in use");
  const same = grants.number !== before?.number || isDeepStrictEqual(grants, before);
  demand(same, "trust", "two documents of grants of one number");
  return grants;
}

// The pinned grants key is followed by another only under its own signature.
function followGrantsKey(successions, network, pinned) {
  const start = successions.findIndex(({ public: key }) => key === toBase64url(pinned)) + 1;
  return successions.slice(start).reduce((current, { public: key, g }) => {
    const said = Buffer.from(JSON.stringify({ v: 1, network, public: key }));
    const holds = verify(current, fromBase64url(g), PAE(payloadType("grants-key"), said));
    demand(holds, "trust", "a grants key that the one before it did not name");
    demand(isValidPublicKey(fromBase64url(key)), "trust", "a weak grants key");
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
    const keys = checkEdition(edition);
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
