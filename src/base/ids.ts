/** `n` random bytes; a parameter wherever ids are made, so that tests can fix them. */
export type RandomBytes = (n: number) => Uint8Array;

export const cryptoRandom: RandomBytes = (n) => crypto.getRandomValues(new Uint8Array(n));

/** A new id in Docker's form: 64 lower-case hex digits that do not look like a decimal number when cut to 12. */
export function newId(random: RandomBytes = cryptoRandom): string {
  for (;;) {
    const id = Buffer.from(random(32)).toString("hex");
    // A short id that is all digits would be taken for a number (as a host name, for example).
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}

/** The 12 digits that people see. Takes `sha256:…` as well. */
export function shortId(id: string): string {
  const colon = id.indexOf(":");
  return id.slice(colon + 1, colon + 13);
}
