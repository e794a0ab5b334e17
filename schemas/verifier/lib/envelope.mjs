// Open an envelope: first as a gateway would (signatures, header, digests), then as its recipient (wrap, body).
//
// The order is wire.md's: nothing of the header is read before its signatures hold.

import { H, L, PAE, T, concat, equal, fromBase64url, keyId, payloadType, toBase64url, u32 } from "./bytes.mjs";
import { verify } from "./ed25519.mjs";
import { WRAP_BYTES, openAead, openWrap } from "./hpke.mjs";
import { leafHash, rootFromInclusion } from "./merkle.mjs";
import * as messagepack from "./messagepack.mjs";
import { demand, refuse } from "./refused.mjs";
import { canonical } from "./schema.mjs";
import * as words from "./words.mjs";

const ENVELOPE_BYTES_MAX = 1536 * 1024;
const CLOCK_AHEAD_MS_MAX = 120_000;
const LIFETIME_MS_MAX = 30 * 24 * 3_600_000;
const HEADER_ROLES = ["message", "seal", "signatory"];

export function fromMessagePack(raw) {
  demand(raw.length <= ENVELOPE_BYTES_MAX, "format", "larger than an envelope may be");
  return words.envelope(messagepack.decode(raw), "$");
}

// The JSON form of HTTPS: white space and order are free here, since what is signed lies inside `h`.
export function fromJson(raw) {
  let read;
  try {
    read = JSON.parse(Buffer.from(raw).toString("utf8"));
  } catch {
    refuse("format", "no json");
  }
  const plain = (value, names) => {
    demand(value !== null && typeof value === "object", "format", "not an object");
    for (const name of Object.keys(value)) demand(names.includes(name), "format", `an unknown field ${name}`);
    return new Map(names.filter((name) => name in value).map((name) => [name, value[name]]));
  };
  const decode = (map, ...names) => {
    for (const name of names) if (map.has(name)) map.set(name, fromBase64url(map.get(name)));
    return map;
  };
  const all = (value, inner) => {
    demand(Array.isArray(value), "format", "not a list");
    return value.map(inner);
  };
  const outer = decode(plain(read, ["h", "s", "r", "c"]), "h", "c");
  outer.set("s", all(outer.get("s"), (item) => {
    const signature = decode(plain(item, ["k", "g", "n", "i", "p"]), "k", "g");
    if (signature.has("p")) signature.set("p", all(signature.get("p"), (hash) => fromBase64url(hash)));
    return signature;
  }));
  outer.set("r", all(outer.get("r"), (item) => decode(plain(item, ["k", "w"]), "k", "w")));
  return words.envelope(outer, "$");
}

// How a record names the signatures that were seen: T("signatures"), then each signature's fields behind their length.
export function signaturesDigest(signatures) {
  const fields = ({ k, g, n, i, p }) => concat(k, g, ...(n === undefined ? [] : [u32(n), u32(i), ...p]));
  return H(T("signatures"), ...signatures.map((signature) => L(fields(signature))));
}

function verifyBatch(network, h, { k, g, n, i, p }, publicKey, memory) {
  const root = rootFromInclusion(leafHash(h), i, n, p, "format");
  const payload = Buffer.from(`{"v":1,"network":"${network}","size":${n},"root":"${toBase64url(root)}"}`);
  const name = toBase64url(H(k, L(payload), g));
  if (memory.has(name)) return;
  demand(verify(publicKey, g, PAE(payloadType("header-batch"), payload)), "signature", "the batch signature fails");
  memory.add(name);
}

function signersOf(envelope, directory, atMs) {
  const signers = envelope.s.map(({ k }) => directory.keys.get(toBase64url(k)));
  demand(signers.every((key) => key !== undefined), "signature", "a signer is not in the directory");
  demand(signers.every((key) => key.authority.id === signers[0].authority.id), "signature", "signers of two authorities");
  const roles = signers.map((key) => key.role);
  demand(roles.filter((role) => role === "message").length === 1, "signature", "not exactly one `message` key");
  demand(roles.every((role) => HEADER_ROLES.includes(role)), "signature", "a key whose role signs no headers");
  demand(signers.every((key) => directory.accepts(key, atMs)), "signature", "a key that is not in force");
  return signers;
}

function verifySignatures(envelope, signers, network, memory) {
  envelope.s.forEach((signature, i) => {
    const { publicKey, role } = signers[i];
    if (signature.n !== undefined) {
      demand(role === "message", "signature", "a batch under a key that is not of role `message`");
      verifyBatch(network, envelope.h, signature, publicKey, memory);
    } else {
      const holds = verify(publicKey, signature.g, PAE(payloadType("header"), envelope.h));
      demand(holds, "signature", "a header signature fails");
    }
  });
}

function checkTimes(header, atMs) {
  const millisecond = parseInt(header.id.slice(0, 8) + header.id.slice(9, 13), 16);
  demand(millisecond === header.sent_at_ms, "format", "the millisecond of the id is not that of sending");
  demand(header.sent_at_ms <= atMs + CLOCK_AHEAD_MS_MAX, "format", "sent in the future");
  demand(atMs < header.expires_at_ms, "format", "expired");
  demand(header.expires_at_ms <= header.sent_at_ms + LIFETIME_MS_MAX, "format", "lives longer than 30 days");
}

function checkWrap(suite, recipient, wrap) {
  demand(wrap.w.length === WRAP_BYTES[suite], "digest", "a wrap of another suite");
  demand(toBase64url(wrap.k) === recipient.key, "digest", "a wrap to another key than the header names");
  demand(toBase64url(H(wrap.w)) === recipient.wrap_sha256, "digest", "not the wrap that the header names");
}

function checkRecipients(header, envelope, directory, atMs, whole) {
  const { suite, recipients } = header;
  demand(new Set(recipients.map((to) => to.authority)).size === recipients.length, "format", "a recipient twice");
  for (const id of [header.originator, ...recipients.map((to) => to.authority)]) {
    const authority = directory.authorities.get(id);
    demand(authority !== undefined, "format", "an authority that is not in the directory");
    demand(suite >= authority.suite_min, "format", "a suite below the minimum of the directory");
  }
  if (!whole) return;
  demand(envelope.r.length === recipients.length, "digest", "not as many wraps as recipients");
  recipients.forEach((to, i) => {
    const key = directory.keys.get(to.key);
    const usable = key && key.authority.id === to.authority && key.role === "wrap" && directory.accepts(key, atMs);
    demand(usable, "format", "a recipient's key that the directory does not list");
    demand(key.publicKey.length === (suite === 1 ? 32 : 1216), "format", "a recipient's key of another suite");
    checkWrap(suite, to, envelope.r[i]);
  });
}

// What a gateway checks without policy. `whole`: a wrap for each recipient; a delivery carries one only.
export function authenticate(envelope, { directory, network, atMs, memory = new Set(), whole = true }) {
  const signers = signersOf(envelope, directory, atMs);
  verifySignatures(envelope, signers, network, memory);
  const header = canonical(words.header, envelope.h);
  demand(header.network === network, "format", "another network");
  const kids = envelope.s.map(({ k }) => toBase64url(k));
  demand(header.signers.join() === kids.join(), "signature", "the signatures are not those that the header lists");
  demand(header.originator === signers[0].authority.id, "signature", "the keys are not those of the originator");
  demand(new Set(kids).size === kids.length, "format", "a signer twice");
  checkTimes(header, atMs);
  demand(header.body.length === envelope.c.length, "digest", "a body of another length");
  demand(header.body.sha256 === toBase64url(H(envelope.c)), "digest", "not the body that the header names");
  checkRecipients(header, envelope, directory, atMs, whole);
  return {
    header,
    headerSha256: toBase64url(H(envelope.h)),
    signaturesSha256: toBase64url(signaturesDigest(envelope.s)),
  };
}

function unpad(padded) {
  demand(padded.length >= 4, "format", "padding without its length");
  const end = 4 + padded.readUInt32BE(0);
  demand(end <= padded.length && padmeSize(padded.length) === padded.length, "format", "padding of a wrong size");
  demand(padded.subarray(end).every((byte) => byte === 0), "format", "padding that is not zeros");
  return padded.subarray(4, end);
}

// Padmé: a length keeps only as many significant bits as its exponent has.
function padmeSize(length) {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const free = exponent - (Math.floor(Math.log2(exponent)) + 1);
  return free > 0 ? Math.ceil(length / 2 ** free) * 2 ** free : length;
}

export function context(header) {
  const id = Buffer.from(header.id.replaceAll("-", ""), "hex");
  const commitment = fromBase64url(header.key_commitment);
  return H(T("context"), L(header.network), u32(header.suite), id, L(header.originator), commitment);
}

// What a recipient does with an authentic message. `secrets` maps the recipient's kids to their 32 secret bytes.
export async function unseal(envelope, { header }, recipient, secrets) {
  const own = header.recipients.find((to) => to.authority === recipient && secrets.has(to.key));
  demand(own !== undefined, "format", "not a message for this recipient and its keys");
  const wraps = envelope.r.filter((wrap) => toBase64url(wrap.k) === own.key);
  demand(wraps.length === 1, "digest", "not one wrap to the recipient's key");
  checkWrap(header.suite, own, wraps[0]);
  const bound = context(header);
  const info = H(T("wrap"), bound, fromBase64url(own.key));
  const contentKey = await openWrap(header.suite, secrets.get(own.key), wraps[0].w, info);
  demand(contentKey.length === 32, "digest", "no content key of 32 bytes");
  const commitment = fromBase64url(header.key_commitment);
  demand(equal(H(T("content-key"), contentKey), commitment), "digest", "another content key than was committed to");
  const padded = openAead(contentKey, Buffer.alloc(12), concat(T("body"), bound), envelope.c);
  return { contentKey, context: bound, plaintext: unpad(padded) };
}
