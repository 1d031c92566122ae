import { expect, test } from "bun:test";
import { parseMountinfo } from "./mountinfo.ts";

test("a line of mountinfo is read whole, with the characters that the kernel escapes", () => {
  const line = String.raw`36 35 98:0 /mnt1\134x /tmp/a\040b\011c\303\244 rw,noatime shared:1 master:2 - ext4 /dev/r\040oot rw,errors=continue`;
  expect(parseMountinfo([line, "", "nonsense"])).toEqual([
    {
      id: 36,
      parent: 35,
      device: "98:0",
      root: "/mnt1\\x",
      target: "/tmp/a b\tcä",
      options: ["rw", "noatime"],
      propagation: ["shared:1", "master:2"],
      type: "ext4",
      source: "/dev/r oot",
      superOptions: ["rw", "errors=continue"],
    },
  ]);
});

test("a mount without propagation fields, and one whose root is a pinned namespace", () => {
  const text = "40 35 0:4 net:[4026532201] /run/netns/a rw - nsfs nsfs rw";
  expect(parseMountinfo([text])[0]).toMatchObject({
    root: "net:[4026532201]",
    type: "nsfs",
    propagation: [],
  });
});
