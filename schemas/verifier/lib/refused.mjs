// Why something is not accepted: one of four classes, and one line for a person.
//
//   format     the bytes are not what they claim to be
//   signature  no key that may sign this signed exactly these bytes
//   digest     parts do not fit together: a digest, a length, a commitment, a wrap, a context
//   trust      an edition, grants, a registration, a checkpoint or a receipt deserves no trust

export const CLASSES = ["format", "signature", "digest", "trust"];

export class Refused extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

export function refuse(kind, message) {
  throw new Refused(kind, message);
}

export function demand(holds, kind, message) {
  if (!holds) refuse(kind, message);
}

// Everything that goes wrong inside `check` gets the class `kind`: a broken receipt deserves no trust, whatever broke.
export function as(kind, check) {
  try {
    return check();
  } catch (error) {
    if (error instanceof Refused) throw new Refused(kind, error.message);
    throw error;
  }
}
