// The signed objects of Accord, field by field (wire.md; the JSON Schemas beside the vectors say the same).

import { bytes, either, integer, list, map, nullable, object, oneOf, sorted, text } from "./schema.mjs";

export const code = text(/^[a-z0-9][a-z0-9.-]{0,63}$/);
export const authorityId = text(/^[a-z0-9][a-z0-9-]{1,62}$/);
const partyId = text(/^[A-Z][A-Z0-9-]{1,31}$/);
const messageId = text(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
export const digest = text(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/);
const kid = text(/^[A-Za-z0-9_-]{21}[AQgw]$/);
const signatureText = text(/^[A-Za-z0-9_-]{85}[AQgw]$/);
const prose = text(/^[ !#-[\]-~]{1,200}$/);
const mediaType = text(/^[a-z0-9.+-]{1,64}\/[a-z0-9.+-]{1,127}$/);
export const origin = text(/^[a-z0-9][a-z0-9./-]{1,127}$/);
const day = text(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/);
const publicText = text(/^[A-Za-z0-9_-]{43,1700}$/);
const count = integer(0, Number.MAX_SAFE_INTEGER);
const boolean = oneOf(true, false);
const one = oneOf(1);
const level = oneOf("open", "restricted", "confidential", "secret", "top-secret");
const roles = ["message", "seal", "signatory", "consent", "acknowledgement"];
const role = oneOf(...roles, "wrap", "directory", "grants", "checkpoint", "tls");

// MessagePack -------------------------------------------------------------------------------------------------------

const path = (max) => list(bytes(32), 0, max);
const signature = object(
  { k: bytes(16), g: bytes(64) },
  { n: integer(2, 1024), i: integer(0, 1023), p: path(10) },
);

export const envelope = object({
  h: bytes(2, 32 * 1024),
  s: list(signature, 1, 8),
  r: list(object({ k: bytes(16), w: bytes(80, 1168) }), 1, 256),
  c: bytes(1, 1024 * 1024),
});

// An edition lists every key of a federation, and k of two key sets may sign it: it has bounds of its own.
export const STATEMENT_BYTES_MAX = 64 * 1024;
export const EDITION_BYTES_MAX = 8 * 1024 * 1024;
export const signedStatement = (max, signatures) => object({ t: mediaType, h: bytes(2, max), s: list(signature, 0, signatures) });

export const signedAcknowledgements = object({
  h: bytes(0, 2048), s: signature, items: list(bytes(0, 2048), 1, 256),
});
export const evidence = object({ h: bytes(0, 2048), s: signature, item: bytes(0, 2048), i: count, p: path(8) });

// Canonical JSON: messages ------------------------------------------------------------------------------------------

const label = object({
  level,
  handling: sorted(code, 0, 8),
  third_party: oneOf("permitted", "consent-required", "prohibited"),
  personal_data: boolean,
  special_categories: sorted(code, 0, 16),
  necessity: nullable(code),
  confidential_fact: boolean,
});

export const header = object({
  v: one,
  network: code,
  suite: oneOf(1, 2),
  id: messageId,
  signers: list(kid, 1, 8),
  originator: authorityId,
  recipients: list(object({ authority: authorityId, key: kid, wrap_sha256: digest }), 1, 256),
  kind: code,
  agreement: code,
  purposes: sorted(code, 1, 16),
  subjects: sorted(code, 0, 32),
  label,
  urgency: oneOf("flash", "urgent", "routine"),
  sent_at_ms: count,
  expires_at_ms: count,
  destroy_by_ms: nullable(count),
  case: nullable(digest),
  in_reply_to: nullable(digest),
  sources: sorted(digest, 0, 32),
  consents: sorted(digest, 0, 32),
  conditions: sorted(code, 0, 32),
  database: nullable(code),
  language: nullable(code),
  form: map(code, either(boolean, code), 64),
  key_commitment: digest,
  body: object({ sha256: digest, length: integer(1, 1024 * 1024), media_type: mediaType, schema: nullable(code) }),
});

export const headerBatch = object({ v: one, network: code, size: integer(2, 1024), root: digest });

// Canonical JSON: statements ----------------------------------------------------------------------------------------

export const consent = object({
  v: one,
  network: code,
  id: messageId,
  provider: authorityId,
  grantee: authorityId,
  agreement: code,
  sources: sorted(digest, 1, 64),
  recipients: sorted(authorityId, 0, 64),
  purposes: sorted(code, 0, 16),
  conditions: sorted(code, 0, 32),
  not_before_ms: count,
  not_after_ms: count,
  uses_max: nullable(integer(1, 1_000_000)),
  issued_at_ms: count,
});

export const consentRevocation = object({
  v: one, network: code, provider: authorityId, consent_sha256: digest, at_ms: count,
});

export const acknowledgement = object({
  v: one,
  network: code,
  recipient: authorityId,
  originator: authorityId,
  header_sha256: digest,
  status: oneOf("consigned", "undecipherable", "refused", "handed-over", "destroyed"),
  at_ms: count,
  salt: digest,
});

export const acknowledgementBatch = object({
  v: one,
  network: code,
  size: integer(1, 256),
  root: digest,
  seen: nullable(object({ origin, size: count, root: digest })),
});

export const keyRegistration = object({
  v: one,
  network: code,
  authority: authorityId,
  keys: list(object({ kid, role: code, public: publicText }), 1, 32),
  certificates: sorted(digest, 0, 16),
  at_ms: count,
});

// Canonical JSON: ledger --------------------------------------------------------------------------------------------

const reason = object({
  code, rule: prose, article: prose, basis: oneOf("text", "reading", "policy"), detail: nullable(prose),
});

export const record = object({
  v: one,
  network: code,
  origin,
  event: oneOf(
    "submission-acceptance", "submission-rejection", "content-consignment", "content-consignment-failure",
    "content-handover", "content-destruction", "directory-edition",
  ),
  at_ms: count,
  object_type: oneOf("header", "consent", "consent-revocation", "acknowledgement-batch", "directory"),
  object_sha256: digest,
  signatures_sha256: digest,
  edition: object({ number: count, sha256: digest }),
  law_sha256: digest,
  software: prose,
  outcome: code,
  reasons: list(reason, 0, 64),
  consents: list(digest, 0, 32),
});

// Canonical JSON: directory -----------------------------------------------------------------------------------------

const keyEntry = object({
  kid,
  role,
  public: publicText,
  not_before_ms: count,
  not_after_ms: count,
  status: oneOf("active", "superseded", "compromised"),
  invalid_from_ms: nullable(count),
});

const codes = nullable(sorted(code, 0, 4096));
const authority = object({
  id: authorityId,
  party: partyId,
  title: prose,
  unit: oneOf("core", "non-core", "specialised", "organisation"),
  mandate: object({ purposes: codes, subjects: codes, kinds: codes }),
  clearance: level,
  suite_min: oneOf(1, 2),
  languages: list(code, 0, 4096),
  keys: list(keyEntry, 0, 4096),
  endpoints: list(
    object({
      spki_sha256: digest, link: oneOf("endpoint", "broker"), clearance: level, revoked: boolean,
      security_profile: nullable(code), attested_on: nullable(day),
    }),
    0, 4096,
  ),
  revoked: boolean,
  entity: oneOf("unclassified", "ncb", "national-entity", "authorized-international-entity", "private"),
});

const party = object({
  id: partyId,
  kind: oneOf("state", "un-body", "global", "regional", "national-authority", "private"),
  title: prose,
  focal_point: nullable(object({ office: prose, expires_on: nullable(day) })),
});

const many = (inner) => list(inner, 0, 65_536);
const manySorted = (inner) => sorted(inner, 0, 65_536);
const adherence = object({
  agreement: code,
  party: partyId,
  signed_on: nullable(day),
  notified_on: nullable(day),
  in_force_on: nullable(day),
  suspensions: many(object({
    delivered_on: day, revocation_delivered_on: nullable(day), kinds: manySorted(code), subjects: manySorted(code),
  })),
  exit: nullable(object({ received_on: day, chosen_on: nullable(day) })),
  reservations: manySorted(code),
  accepted: manySorted(code),
  pending: boolean,
  consented: many(object({ party: partyId, received_on: day })),
});

const signatory = object({
  authority: authorityId,
  key: kid,
  office: oneOf("head", "deputy", "head-of-specialised", "authorised", "expert"),
  agreement: nullable(code),
  towards: manySorted(authorityId),
});

const block = object({
  party: partyId,
  law: prose,
  directions: sorted(oneOf("send", "receive"), 1, 2),
  kinds: manySorted(code),
  subjects: manySorted(code),
  purposes: manySorted(code),
  categories: manySorted(code),
  parties: manySorted(partyId),
});

export const edition = object({
  v: one,
  network: code,
  number: integer(1, Number.MAX_SAFE_INTEGER),
  previous_sha256: nullable(digest),
  issued_at_ms: count,
  not_after_ms: count,
  key_set: object({ threshold: integer(1, 16), keys: list(keyEntry, 1, 16) }),
  gateways: many(object({ origin, checkpoint_key: kid, checkpoint_public: digest, spki_sha256: digest })),
  witnesses: many(keyEntry),
  law: many(object({ agreement: code, sha256: digest })),
  parties: many(party),
  authorities: many(authority),
  adherences: many(adherence),
  channels: many(object({ agreement: code, between: list(prose, 2, 2), basis: prose })),
  grants: nullable(object({
    h: text(/^[A-Za-z0-9_-]{2,131072}$/), k: kid, g: signatureText,
    successions: list(object({ public: digest, g: signatureText }), 0, 16),
  })),
  signatories: many(signatory),
  blocks: many(block),
});

export const grants = object({
  v: one,
  network: code,
  number: count,
  issuer: authorityId,
  issued_at_ms: count,
  not_after_ms: count,
  grants: many(object({
    authority: authorityId, database: code, level, purposes: manySorted(code), expires_at_ms: count,
  })),
});
