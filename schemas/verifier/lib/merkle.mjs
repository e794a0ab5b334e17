// RFC 9162 Merkle trees: leaf and node hashes, the root behind an inclusion path, consistency of two roots.

import { H } from "./bytes.mjs";
import { demand, refuse } from "./refused.mjs";

export const leafHash = (data) => H([0], data);
export const nodeHash = (left, right) => H([1], left, right);

export function root(leafHashes) {
  if (leafHashes.length === 0) return H();
  if (leafHashes.length === 1) return leafHashes[0];
  let split = 1;
  while (split * 2 < leafHashes.length) split *= 2;
  return nodeHash(root(leafHashes.slice(0, split)), root(leafHashes.slice(split)));
}

// Section 2.1.3.2, with Numbers and division: `>>` would cut at 32 bits.
const half = (x) => Math.floor(x / 2);
const odd = (x) => x % 2 === 1;

export function rootFromInclusion(leaf, index, size, path, kind) {
  demand(index < size, kind, "the index is not inside the tree");
  let [fn, sn, r] = [index, size - 1, leaf];
  for (const p of path) {
    demand(sn > 0, kind, "the inclusion path is too long");
    if (odd(fn) || fn === sn) {
      r = nodeHash(p, r);
      while (!odd(fn) && fn > 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      r = nodeHash(r, p);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  demand(sn === 0, kind, "the inclusion path is too short");
  return r;
}

// Section 2.1.4.2. Returns nothing; refuses a path that does not prove that the new tree continues the old one.
export function verifyConsistency(oldSize, oldRoot, newSize, newRoot, path) {
  demand(oldSize <= newSize, "trust", "the tree has shrunk");
  if (oldSize === newSize) {
    demand(path.length === 0 && oldRoot.equals(newRoot), "trust", "two trees of one size: a fork");
    return;
  }
  if (oldSize === 0) {
    demand(path.length === 0, "trust", "a path from the empty tree");
    return;
  }
  const nodes = Number.isInteger(Math.log2(oldSize)) ? [oldRoot, ...path] : [...path];
  if (nodes.length === 0) refuse("trust", "the consistency path is empty");
  let [fn, sn] = [oldSize - 1, newSize - 1];
  while (odd(fn)) [fn, sn] = [half(fn), half(sn)];
  let [fr, sr] = [nodes[0], nodes[0]];
  for (const c of nodes.slice(1)) {
    demand(sn > 0, "trust", "the consistency path is too long");
    if (odd(fn) || fn === sn) {
      [fr, sr] = [nodeHash(c, fr), nodeHash(c, sr)];
      while (!odd(fn) && fn > 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = nodeHash(sr, c);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  demand(sn === 0 && fr.equals(oldRoot) && sr.equals(newRoot), "trust", "the new tree does not continue the old one");
}
