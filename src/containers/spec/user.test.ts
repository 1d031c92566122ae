import { expect, test } from "bun:test";
import { resolveOwner, resolveUser } from "./user.ts";

const files = {
  passwd: () =>
    "root:x:0:0:root:/root:/bin/sh\n# none\nalice:x:1000:1000::/home/alice:/bin/sh\n1001:x:55:66::/n:\nbig:x:4294967295:0::/:\n",
  group: () => "root:x:0:\nwheel:x:10:root,alice\naudio:x:29:alice\n",
};
const ids = (text: string, add: string[] = []) => {
  const { uid, gid, additionalGids, home } = resolveUser(text, add, files);
  return [uid, gid, additionalGids, home];
};

test("names and numbers, with the groups of the user", () => {
  expect(ids("")).toEqual([0, 0, [0, 10], "/root"]);
  expect(ids("alice")).toEqual([1000, 1000, [1000, 10, 29], "/home/alice"]);
  expect(ids("1000")).toEqual([1000, 1000, [1000, 10, 29], "/home/alice"]);
  expect(ids("7")).toEqual([7, 0, [0], "/"]);
  expect(ids("1001")).toEqual([55, 66, [66], "/n"]);
});

test("a group that is named takes the place of the user's own; those added come on top", () => {
  expect(ids("alice:audio")).toEqual([1000, 29, [29], "/home/alice"]);
  expect(ids("alice:4711")).toEqual([1000, 4711, [4711], "/home/alice"]);
  expect(ids("alice:audio", ["wheel", "77"])).toEqual([1000, 29, [29, 10, 77], "/home/alice"]);
});

test("what does not exist or is out of range", () => {
  expect(() => ids("eve")).toThrow("unable to find user eve: no matching entries in passwd file");
  expect(() => ids("alice:x")).toThrow("unable to find group x: no matching entries in group file");
  expect(() => ids("", ["x"])).toThrow("Unable to find group x: no matching entries in group file");
  for (const text of ["99999999999", "-1", "big", "0:2147483648"]) {
    expect(() => ids(text)).toThrow("uids and gids must be in range 0-2147483647");
  }
});

test("an image without user databases has root and numbers", () => {
  const none = { passwd: () => "", group: () => "" };
  expect(resolveUser("", [], none)).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: "/" });
  expect(() => resolveUser("root", [], none)).toThrow("unable to find user root");
});

test("owners of what is copied: names that are not there are root's, and a number is its own group", () => {
  const owners = Object.entries({
    alice: [1000, 1000],
    "alice:audio": [1000, 29],
    "7": [7, 7],
    "1000": [1000, 1000],
    "7:audio": [7, 29],
    "7:nobody": [7, 7],
    eve: [0, 0],
    "eve:audio": [0, 29],
    "eve:9": [0, 9],
    "alice:nobody": [1000, 1000],
  });
  for (const [text, [uid, gid]] of owners) {
    expect({ text, ...resolveOwner(text, files) }).toEqual({ text, uid: uid ?? 0, gid: gid ?? 0 });
  }
});
