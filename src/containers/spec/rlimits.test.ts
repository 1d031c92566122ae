import { expect, test } from "bun:test";
import { encodeSpec } from "../../oci/encode-spec.ts";
import type { ProcessSpec } from "../../oci/runtime-spec.ts";
import { toRlimits } from "./rlimits.ts";

test("unlimited is the runtime's u64, and strings that look alike stay as they are", () => {
  const text = '"hard":18446744073709552000';
  const process: ProcessSpec = {
    user: { uid: 0, gid: 0 },
    args: [text],
    env: [],
    cwd: "/",
    rlimits: toRlimits([{ Name: "core", Soft: 5, Hard: -1 }], undefined),
  };
  const json = encodeSpec(process);
  expect(json).toContain('"soft":5,"hard":18446744073709551615');
  expect(JSON.parse(json).args).toEqual([text]);
  // Also when it has been through JSON.
  expect(encodeSpec(JSON.parse(json))).toBe(json);
});

test("limits are lowered to the ceiling, the later of two counts, unknown ones are refused", () => {
  const ulimits = [
    { Name: "nofile", Soft: 1, Hard: 1 },
    { Name: "nofile", Soft: 5000, Hard: 9000 },
  ];
  expect(toRlimits(ulimits, { nofile: 4000 })).toEqual([{ type: "RLIMIT_NOFILE", soft: 4000, hard: 4000 }]);
  expect(() => toRlimits([{ Name: "nosuch" }], undefined)).toThrow("invalid ulimit type: nosuch");
});
