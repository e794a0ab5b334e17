// What must hold inside one edition, whoever signed it: every list in its one order, everything once, nothing named
// that is not listed, every key in force at some time, strong and under its own kid.

import { fromBase64url } from "./bytes.mjs";
import { demand } from "./refused.mjs";
import { checkKey } from "./statements.mjs";

const AUTHORITY_ROLES = ["message", "seal", "signatory", "consent", "acknowledgement", "wrap"];

// Texts by code point (they are ASCII), lists entry by entry.
function compare(a, b) {
  if (!Array.isArray(a)) return a < b ? -1 : Number(a > b);
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const found = compare(a[i], b[i]);
    if (found !== 0) return found;
  }
  return a.length - b.length;
}

export function rising(name, values) {
  const sorted = values.every((value, i) => i === 0 || compare(values[i - 1], value) < 0);
  demand(sorted, "trust", `${name} not strictly increasing`);
}

function once(name, values) {
  demand(new Set(values).size === values.length, "trust", `one of the ${name} is listed twice`);
}

const kids = (keys) => keys.map(({ kid }) => kid);

// Lists of codes and names are held to their order by the schema (words.mjs).
function checkOrder(edition) {
  rising("key set", kids(edition.key_set.keys));
  rising("gateways", edition.gateways.map(({ origin }) => origin));
  rising("witnesses", kids(edition.witnesses));
  rising("law", edition.law.map(({ agreement }) => agreement));
  rising("parties", edition.parties.map(({ id }) => id));
  rising("authorities", edition.authorities.map(({ id }) => id));
  for (const authority of edition.authorities) {
    rising("keys", kids(authority.keys));
    rising("endpoints", authority.endpoints.map((endpoint) => endpoint.spki_sha256));
  }
  rising("adherences", edition.adherences.map(({ agreement, party }) => [agreement, party]));
  for (const { consented } of edition.adherences) rising("consents to an accession", consented.map(({ party }) => party));
  rising("channels", edition.channels.map(({ agreement, between, basis }) => [agreement, between, basis]));
  for (const { between } of edition.channels) rising("ends of a channel", between);
  // Under every agreement stands before under one.
  rising("signatories", edition.signatories.map(({ authority, key, office, agreement, towards }) => (
    [authority, key, office, agreement ?? "", towards]
  )));
  rising("blocks", edition.blocks.map((block) => Object.values(block)));
}

// One key, one role, one authority: a public key, and a certificate, stands in one place.
function checkOnce({ key_set: keySet, witnesses, gateways, authorities, adherences }) {
  const entries = [...keySet.keys, ...witnesses, ...authorities.flatMap(({ keys }) => keys)];
  once("keys", [...entries.map((entry) => entry.public), ...gateways.map((gateway) => gateway.checkpoint_public)]);
  const listed = [...authorities.flatMap(({ endpoints }) => endpoints), ...gateways];
  once("certificates", listed.map((entry) => entry.spki_sha256));
  // The order of these means something: preference and history.
  for (const { languages } of authorities) once("languages", languages);
  for (const { suspensions } of adherences) once("suspensions", suspensions.map((each) => JSON.stringify(each)));
}

function checkReferences(edition) {
  const listed = (what, names, known) => {
    demand(names.every((name) => known.has(name)), "trust", `${what} that is not listed`);
  };
  const parties = new Set(edition.parties.map(({ id }) => id));
  const authorities = new Set(edition.authorities.map(({ id }) => id));
  const law = new Set(edition.law.map(({ agreement }) => agreement));
  listed("an authority of a party", edition.authorities.map(({ party }) => party), parties);
  for (const { agreement, party, consented } of edition.adherences) {
    listed("an adherence to an agreement", [agreement], law);
    listed("an adherence of a party", [party], parties);
    listed("the consent of a party", consented.map((each) => each.party), parties);
  }
  for (const { agreement, between } of edition.channels) {
    listed("a channel under an agreement", [agreement], law);
    listed("a channel to somebody", between, new Set([...parties, ...authorities]));
  }
  const signing = edition.authorities.flatMap(({ id, keys }) => (
    keys.filter(({ role }) => role === "signatory").map(({ kid }) => `${id} ${kid}`)
  ));
  for (const { authority, key, agreement, towards } of edition.signatories) {
    listed("a signatory with a key", [`${authority} ${key}`], new Set(signing));
    listed("a signatory under an agreement", agreement === null ? [] : [agreement], law);
    listed("a signatory towards an authority", towards, authorities);
  }
  for (const block of edition.blocks) listed("a block of or against a party", [block.party, ...block.parties], parties);
}

export function checkEntry(entry, roles) {
  demand(roles.includes(entry.role), "trust", `a key of role ${entry.role}, which has no place there`);
  demand(entry.not_before_ms < entry.not_after_ms, "trust", "a key that is never in force");
  const compromised = entry.status === "compromised";
  demand(compromised === (entry.invalid_from_ms !== null), "trust", "exactly a compromised key names since when");
  checkKey(entry.role, entry.kid, fromBase64url(entry.public));
}

// Every key of every authority by its kid, once all of the edition is sound.
export function checkEdition(edition) {
  checkOrder(edition);
  checkOnce(edition);
  checkReferences(edition);
  const keys = new Map();
  for (const authority of edition.authorities) {
    for (const entry of authority.keys) {
      checkEntry(entry, AUTHORITY_ROLES);
      keys.set(entry.kid, { ...entry, authority, publicKey: fromBase64url(entry.public) });
    }
  }
  for (const witness of edition.witnesses) checkEntry(witness, ["checkpoint"]);
  for (const { checkpoint_key: kid, checkpoint_public: text } of edition.gateways) {
    checkKey("checkpoint", kid, fromBase64url(text));
  }
  return keys;
}
