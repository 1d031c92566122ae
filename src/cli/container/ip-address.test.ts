import { expect, test } from "bun:test";
import { isIP } from "node:net";
import { ipVersion } from "./ip-address.ts";

test("addresses are told as net.isIP tells them", () => {
  const texts = [
    "1.2.3.4",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3",
    "1.2.3.4.5",
    "::",
    "::1",
    "1::",
    "2001:db8::33",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8",
    "1::2::3",
    "::ffff:1.2.3.4",
    "1:2:3:4:5:6:1.2.3.4",
    "fe80::1%eth0",
    ":1",
    "1:",
    ":::",
    "g::1",
    "12345::",
    "",
    "host",
  ];
  for (const text of texts) expect([text, ipVersion(text)]).toEqual([text, isIP(text) as 0]);
});
