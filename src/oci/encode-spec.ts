/** Within strings quotes are escaped: only a field's value is found. */
const largeNumber = /"(\w+)":(\d{17,21})(?=[,}\]])/g;

/** What a double that stands for the largest of a type is to be. */
const largest: readonly [double: number, text: string][] = [
  [2 ** 63, String(2n ** 63n - 1n)],
  [2 ** 64, String(2n ** 64n - 1n)],
];

/** The text of config.json, or of the process file of an exec, also of one that was read from JSON. */
export function encodeSpec(spec: object): string {
  return JSON.stringify(spec).replace(largeNumber, (_, name: string, digits: string) => {
    const double = Number(digits);
    const text = largest.find(([one]) => one === double)?.[1] ?? String(BigInt(double));
    return `"${name}":${text}`;
  });
}
