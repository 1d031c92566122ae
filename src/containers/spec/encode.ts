import type { ProcessSpec, RuntimeSpec } from "../../oci/runtime-spec.ts";

/** A double that stands for 2^64-1 is printed one too high for the runtime's u64. Within strings quotes are escaped. */
const roundedInfinity = /"(soft|hard)":18446744073709552000/g;

/** The text of config.json, or of the process file of an exec. */
export function encodeSpec(spec: RuntimeSpec | ProcessSpec): string {
  return JSON.stringify(spec).replace(roundedInfinity, '"$1":18446744073709551615');
}
