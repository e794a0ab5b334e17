// The part of MessagePack that Accord uses: maps with text keys, arrays, bytes, text, unsigned integers. Nothing else,
// and each in its shortest encoding only, so that an object has one spelling.

import { demand, refuse } from "./refused.mjs";

const DEPTH_MAX = 8;

export function decode(raw) {
  const reader = new Reader(raw);
  const value = reader.value(0);
  demand(reader.at === raw.length, "format", "bytes follow after the object");
  return value;
}

class Reader {
  constructor(raw) {
    this.raw = raw;
    this.at = 0;
  }

  take(length) {
    demand(this.at + length <= this.raw.length, "format", "the bytes end too early");
    this.at += length;
    return this.raw.subarray(this.at - length, this.at);
  }

  number(length) {
    if (length < 8) return this.take(length).readUIntBE(0, length);
    const value = this.take(8).readBigUInt64BE();
    demand(value <= BigInt(Number.MAX_SAFE_INTEGER), "format", "an integer over 2^53 - 1");
    return Number(value);
  }

  // A length or number in `length` bytes, which must be too large for any shorter way to write it.
  atLeast(least, length) {
    const value = this.number(length);
    demand(value >= least, "format", "an encoding that could be shorter");
    return value;
  }

  value(depth) {
    demand(depth < DEPTH_MAX, "format", "nested too deeply");
    const head = this.number(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.map(head & 0x0f, depth);
    if (head < 0xa0) return this.array(head & 0x0f, depth);
    if (head < 0xc0) return this.text(head & 0x1f);
    switch (head) {
      case 0xc4: return this.take(this.number(1));
      case 0xc5: return this.take(this.atLeast(0x100, 2));
      case 0xc6: return this.take(this.atLeast(0x10000, 4));
      case 0xcc: return this.atLeast(0x80, 1);
      case 0xcd: return this.atLeast(0x100, 2);
      case 0xce: return this.atLeast(0x10000, 4);
      case 0xcf: return this.atLeast(0x100000000, 8);
      case 0xd9: return this.text(this.atLeast(0x20, 1));
      case 0xda: return this.text(this.atLeast(0x100, 2));
      case 0xdc: return this.array(this.atLeast(0x10, 2), depth);
      case 0xde: return this.map(this.atLeast(0x10, 2), depth);
      default: return refuse("format", `an unexpected MessagePack type 0x${head.toString(16)}`);
    }
  }

  text(length) {
    const raw = this.take(length);
    const text = raw.toString("utf8");
    demand(Buffer.from(text, "utf8").equals(raw), "format", "text that is not UTF-8");
    return text;
  }

  array(count, depth) {
    const out = [];
    for (let i = 0; i < count; i++) out.push(this.value(depth + 1));
    return out;
  }

  map(count, depth) {
    const out = new Map();
    for (let i = 0; i < count; i++) {
      const key = this.value(depth + 1);
      demand(typeof key === "string" && !out.has(key), "format", "a key that is no text or stands twice");
      out.set(key, this.value(depth + 1));
    }
    return out;
  }
}
