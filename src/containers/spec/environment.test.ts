import { expect, test } from "bun:test";
import { environment } from "./environment.ts";

const env = (layers: string[][], tty = false) => environment({ hostname: "h", tty, home: "/root", layers });
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

test("Docker's own come first, and home last", () => {
  expect(env([["A=1"]], true)).toEqual([path, "HOSTNAME=h", "TERM=xterm", "A=1", "HOME=/root"]);
});

test("the later wins, in the place of the first; a name alone takes it away", () => {
  expect(
    env([
      ["PATH=/bin", "A=1", "B=x=y"],
      ["A=2", "HOSTNAME", "HOME=/x"],
    ]),
  ).toEqual(["PATH=/bin", "A=2", "B=x=y", "HOME=/x"]);
});

test("a name alone leaves what its own list says", () => {
  expect(env([["A=1", "A", "PATH"]])).toEqual(["HOSTNAME=h", "A=1", "HOME=/root"]);
});
