import { expect, test } from "bun:test";
import { capabilitiesOfMask, containerCapabilities, defaultCapabilities } from "./capabilities.ts";

const all = capabilitiesOfMask("1ffffffffff");
const withoutResource = capabilitiesOfMask("1fffeffffff");

test("a mask names its bits", () => {
  expect(all).toHaveLength(41);
  expect(capabilitiesOfMask("0000000000000001")).toEqual(["CAP_CHOWN"]);
  expect(withoutResource).not.toContain("CAP_SYS_RESOURCE");
});

test("adds and drops, in any case, with or without prefix", () => {
  const result = containerCapabilities({ add: ["net_admin", "CAP_SYS_TIME"], drop: ["mknod"] }, all);
  expect(result).toEqual([
    ...defaultCapabilities.filter((name) => name !== "CAP_MKNOD"),
    "CAP_NET_ADMIN",
    "CAP_SYS_TIME",
  ]);
});

test("ALL added is everything but what is dropped; ALL dropped is what is added", () => {
  expect(containerCapabilities({ add: ["ALL"], drop: ["SYS_ADMIN"] }, all)).toHaveLength(40);
  expect(containerCapabilities({ add: ["CHOWN"], drop: ["all"] }, all)).toEqual(["CAP_CHOWN"]);
});

test("nothing is handed on that the daemon has not", () => {
  expect(containerCapabilities({ privileged: true }, withoutResource)).toEqual(withoutResource);
  expect(() => containerCapabilities({ add: ["SYS_RESOURCE"] }, withoutResource)).toThrow(
    'invalid CapAdd: capability not supported by your kernel or not available in the current environment: "CAP_SYS_RESOURCE"',
  );
  expect(containerCapabilities({ drop: ["SYS_RESOURCE"] }, withoutResource)).toEqual([
    ...defaultCapabilities,
  ]);
});

test("a name that does not exist is refused", () => {
  expect(() => containerCapabilities({ add: ["FOO"] }, all)).toThrow(
    'invalid CapAdd: unknown capability: "CAP_FOO"',
  );
});
