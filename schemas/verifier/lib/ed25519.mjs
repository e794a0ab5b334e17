// Ed25519 as libsodium verifies it: RFC 8032 without the cofactor, and stricter about points than OpenSSL.
//
// OpenSSL (behind node:crypto) refuses S >= L but lets a point R of small order pass. A signer could so make
// two signatures of one message; libsodium refuses, and wire.md makes its verdict the normative one.

import { createPublicKey, verify as verifySignature } from "node:crypto";

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

const mod = (x) => ((x % P) + P) % P;

function power(base, exponent) {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = mod(result * b);
    b = mod(b * b);
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);
const IDENTITY = [0n, 1n, 1n, 0n];

function littleEndian(raw) {
  return BigInt(`0x${Buffer.from(raw).reverse().toString("hex")}`);
}

// A point in extended coordinates, or null: not canonical, or not on the curve.
function decodePoint(raw) {
  const number = littleEndian(raw);
  const y = number & (2n ** 255n - 1n);
  const sign = number >> 255n;
  if (y >= P) return null;
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  let x = mod(u * v ** 3n * power(u * v ** 7n, (P - 5n) / 8n));
  if (mod(v * x * x) === mod(-u)) x = mod(x * ROOT_OF_MINUS_ONE);
  if (mod(v * x * x) !== u || (x === 0n && sign === 1n)) return null;
  if ((x & 1n) !== sign) x = mod(-x);
  return [x, y, 1n, mod(x * y)];
}

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * D * t1 * t2);
  const d = mod(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function multiply(scalar, point) {
  let result = IDENTITY;
  for (let addend = point, n = scalar; n > 0n; n >>= 1n) {
    if (n & 1n) result = add(result, addend);
    addend = add(addend, addend);
  }
  return result;
}

const isIdentity = ([x, y, z]) => x === 0n && y === z;

// What crypto_core_ed25519_is_valid_point asks: canonical, on the curve, of the large prime order and no other.
const verdicts = new Map();
export function isValidPublicKey(raw) {
  const name = Buffer.from(raw).toString("hex");
  if (!verdicts.has(name)) {
    const point = raw.length === 32 ? decodePoint(raw) : null;
    verdicts.set(name, point !== null && !isIdentity(multiply(8n, point)) && isIdentity(multiply(ORDER, point)));
  }
  return verdicts.get(name);
}

function hasSmallOrder(raw) {
  const point = decodePoint(raw);
  return point === null || isIdentity(multiply(8n, point));
}

export function verify(publicKey, signature, data) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  if (littleEndian(signature.subarray(32)) >= ORDER || hasSmallOrder(signature.subarray(0, 32))) return false;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" });
  return verifySignature(null, data, key, signature);
}
