import { expect, test } from "bun:test";
import { parseUserRemap } from "./user-remap.ts";

const database = {
  passwd: "root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\nbob:x:1002:1002::/:/bin/sh\n",
  group: "root:x:0:\nann:x:1001:\nstaff:x:50:\nbob:x:1002:\n",
  subuid: "ann:100000:65536\n1000:300000:10\nann:200000:1000\n",
  subgid: "ann:100000:65536\nstaff:400000:65536\n",
};

test("a user's ranges follow one another in the container, by name and by number", () => {
  const uids = [
    { inside: 0, outside: 100000, count: 65536 },
    { inside: 65536, outside: 200000, count: 1000 },
    { inside: 66536, outside: 300000, count: 10 },
  ];
  const gids = [{ inside: 0, outside: 100000, count: 65536 }];
  expect(parseUserRemap("ann", database)).toEqual({ uids, gids });
  expect(parseUserRemap("1000:1001", database)).toEqual({ uids, gids });
  expect(parseUserRemap("ann:staff", database)?.gids).toEqual([{ inside: 0, outside: 400000, count: 65536 }]);
  expect(parseUserRemap("root", database)).toBeUndefined();
});

test.each([
  ["nobody-here", 'Error during uid lookup for "nobody-here": no matching entries in passwd file'],
  ["77", "Uid 77 has no entry in /etc/passwd: no matching entries in passwd file"],
  ["ann:77", "Gid 77 has no entry in /etc/group: no matching entries in group file"],
  ["bob", `Can't create ID mappings: no subuid ranges found for user "bob"`],
  ["ann:bob", `Can't create ID mappings: no subgid ranges found for group "bob"`],
  ["a:b:c", 'Invalid user/group specification in --userns-remap: "a:b:c"'],
  ["ann:", 'Invalid user/group specification in --userns-remap: "ann:"'],
])("%s is refused", (setting, message) => {
  expect(() => parseUserRemap(setting, database)).toThrow(message);
});
