// HPKE (RFC 9180) base mode, opening in one shot with an empty AAD: X25519 (suite 1) and X-Wing (suite 2).
//
// X25519, HKDF, SHA-3 and ChaCha20-Poly1305 come from node:crypto. ML-KEM-768 comes from @noble/post-quantum and is
// loaded only when a wrap of suite 2 is opened.

import { createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { concat } from "./bytes.mjs";
import { demand, refuse } from "./refused.mjs";

const X25519_PRIVATE = Buffer.from("302e020100300506032b656e04220420", "hex");
const X25519_PUBLIC = Buffer.from("302a300506032b656e032100", "hex");
const KEM_ID = { 1: 0x0020, 2: 0x647a };
const ENCAPSULATED_BYTES = { 1: 32, 2: 1120 };
export const WRAP_BYTES = { 1: 80, 2: 1168 };

const i2osp = (number) => Buffer.from([number >> 8, number & 0xff]);
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();

function labeledExtract(suiteId, salt, label, ikm) {
  return hmac(salt.length ? salt : Buffer.alloc(32), concat("HPKE-v1", suiteId, label, ikm));
}

function labeledExpand(suiteId, prk, label, info, length) {
  const labeled = concat(i2osp(length), "HPKE-v1", suiteId, label, info);
  let [block, out] = [Buffer.alloc(0), Buffer.alloc(0)];
  for (let i = 1; out.length < length; i++) {
    block = hmac(prk, concat(block, labeled, [i]));
    out = concat(out, block);
  }
  return out.subarray(0, length);
}

const x25519Private = (raw) => createPrivateKey({ key: concat(X25519_PRIVATE, raw), format: "der", type: "pkcs8" });
const x25519PublicOf = (key) => createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);

function x25519(privateKey, publicRaw) {
  const publicKey = createPublicKey({ key: concat(X25519_PUBLIC, publicRaw), format: "der", type: "spki" });
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch {
    return refuse("digest", "an X25519 point of small order");
  }
}

// Node refuses an exchange whose result is zero, as every exchange with a point of small order is.
export function isUsableX25519(publicRaw) {
  const coordinate = BigInt(`0x${Buffer.from(publicRaw).reverse().toString("hex")}`);
  if (coordinate >= 2n ** 255n - 19n) return false;
  try {
    return x25519(x25519Private(Buffer.alloc(32, 1)), publicRaw).some((byte) => byte !== 0);
  } catch {
    return false;
  }
}

function decapsulateX25519(secret, enc) {
  const suiteId = concat("KEM", i2osp(KEM_ID[1]));
  const key = x25519Private(secret);
  const prk = labeledExtract(suiteId, "", "eae_prk", x25519(key, enc));
  return labeledExpand(suiteId, prk, "shared_secret", concat(enc, x25519PublicOf(key)), 32);
}

// X-Wing: a seed of 32 bytes expands to ML-KEM's d and z and to an X25519 scalar; the combiner is one SHA3-256.
async function expandXWing(seed) {
  const { ml_kem768: kem } = await import("@noble/post-quantum/ml-kem.js");
  const expanded = createHash("shake256", { outputLength: 96 }).update(seed).digest();
  return { kem, lattice: kem.keygen(expanded.subarray(0, 64)), curve: x25519Private(expanded.subarray(64)) };
}

async function decapsulateXWing(seed, enc) {
  const { kem, lattice, curve } = await expandXWing(seed);
  const [latticeText, curveText] = [enc.subarray(0, 1088), enc.subarray(1088)];
  const latticeSecret = kem.decapsulate(latticeText, lattice.secretKey);
  const curveSecret = x25519(curve, curveText);
  const label = Buffer.from("5c2e2f2f5e5c", "hex");
  const secret = concat(latticeSecret, curveSecret, curveText, x25519PublicOf(curve), label);
  return createHash("sha3-256").update(secret).digest();
}

export async function publicKeyOf(suite, secret) {
  if (suite === 1) return x25519PublicOf(x25519Private(secret));
  const { lattice, curve } = await expandXWing(secret);
  return concat(lattice.publicKey, x25519PublicOf(curve));
}

export function openAead(key, nonce, aad, sealed) {
  demand(sealed.length >= 16, "digest", "a ciphertext without room for its tag");
  const cipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad).setAuthTag(sealed.subarray(-16));
  try {
    return concat(cipher.update(sealed.subarray(0, -16)), cipher.final());
  } catch {
    return refuse("digest", "ciphertext, key and context do not belong together");
  }
}

export async function openWrap(suite, secret, wrap, info) {
  demand(wrap.length === WRAP_BYTES[suite], "digest", "a wrap of another suite");
  const enc = wrap.subarray(0, ENCAPSULATED_BYTES[suite]);
  const shared = suite === 1 ? decapsulateX25519(secret, enc) : await decapsulateXWing(secret, enc);
  const suiteId = concat("HPKE", i2osp(KEM_ID[suite]), i2osp(0x0001), i2osp(0x0003));
  const context = concat(
    [0],
    labeledExtract(suiteId, "", "psk_id_hash", ""),
    labeledExtract(suiteId, "", "info_hash", info),
  );
  const prk = labeledExtract(suiteId, shared, "secret", "");
  const key = labeledExpand(suiteId, prk, "key", context, 32);
  const nonce = labeledExpand(suiteId, prk, "base_nonce", context, 12);
  return openAead(key, nonce, Buffer.alloc(0), wrap.subarray(enc.length));
}
