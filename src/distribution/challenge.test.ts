import { expect, test } from "bun:test";
import { parseChallenges } from "./challenge.ts";

test.each([
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    [
      {
        scheme: "bearer",
        parameters: {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:a/b:pull,push",
        },
      },
    ],
  ],
  [
    'Basic realm="a, b=\\"c\\"", Bearer realm=x , Service="y"',
    [
      { scheme: "basic", parameters: { realm: 'a, b="c"' } },
      { scheme: "bearer", parameters: { realm: "x", service: "y" } },
    ],
  ],
  [
    "Negotiate, Basic realm=x",
    [
      { scheme: "negotiate", parameters: {} },
      { scheme: "basic", parameters: { realm: "x" } },
    ],
  ],
  ["", []],
  [null, []],
  ['"nonsense', []],
])("%p", (header, challenges) => {
  expect(parseChallenges(header)).toEqual(challenges);
});

test("a hostile header is done with quickly", () => {
  expect(parseChallenges(`Bearer ${'a="\\'.repeat(100_000)}`).length).toBeLessThan(20_000);
});
