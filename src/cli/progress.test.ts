import { describe, expect, test } from "bun:test";
import type { JSONMessage } from "../api/progress.ts";
import { ProgressDisplay, progressText } from "./progress.ts";

function shown(isTerminal: boolean, messages: JSONMessage[], width = () => 200): string {
  let text = "";
  const out = {
    fd: -1,
    isTerminal,
    write: (data: string | Uint8Array) => {
      text += data;
    },
  };
  const display = new ProgressDisplay(out, width);
  for (const message of messages) display.show(message);
  return text;
}

const pull: JSONMessage[] = [
  { status: "Pulling from library/busybox", id: "latest" },
  { status: "Pulling fs layer", progressDetail: {}, id: "a" },
  { status: "Pulling fs layer", progressDetail: {}, id: "b" },
  { status: "Downloading", progressDetail: { current: 500, total: 1000 }, progress: "[=>]", id: "a" },
  { status: "Pull complete", progressDetail: {}, id: "a" },
  { status: "Digest: sha256:1" },
];

describe("the messages of a pull", () => {
  test("are lines of status where nobody watches", () => {
    expect(shown(false, pull)).toBe(
      "latest: Pulling from library/busybox\na: Pulling fs layer\nb: Pulling fs layer\na: Pull complete\nDigest: sha256:1\n",
    );
  });

  test("keep a line each on a terminal, which moves", () => {
    expect(shown(true, pull)).toBe(
      [
        "latest: Pulling from library/busybox\n",
        "\n\x1b[1A\x1b[2K\ra: Pulling fs layer \r\x1b[1B",
        "\n\x1b[1A\x1b[2K\rb: Pulling fs layer \r\x1b[1B",
        `\x1b[2A\x1b[2K\ra: Downloading [${"=".repeat(25)}>${" ".repeat(25)}]     500B/1kB\r\x1b[2B`,
        "\x1b[2A\x1b[2K\ra: Pull complete \r\x1b[2B",
        "Digest: sha256:1\n",
      ].join(""),
    );
  });

  test("are cut to the terminal, however wide it is by then", () => {
    let width = 30;
    const pushed = { status: "Mounted from library/busybox", progressDetail: {}, id: "0123456789ab" };
    expect(shown(true, [pushed, pushed], () => width++)).toBe(
      [
        "\n\x1b[1A\x1b[2K\r0123456789ab: Mounted from lib\r\x1b[1B",
        "\x1b[1A\x1b[2K\r0123456789ab: Mounted from libr\r\x1b[1B",
      ].join(""),
    );
  });

  test("end with the daemon's error", () => {
    expect(() =>
      shown(false, [{ errorDetail: { message: "no such image" }, error: "no such image" }]),
    ).toThrow("no such image");
  });
});

test("progress is drawn as wide as there is room", () => {
  const half = { current: 1_500_000, total: 3_000_000 };
  expect(progressText(half, 200, 0)).toBe(`[${"=".repeat(25)}>${" ".repeat(25)}]    1.5MB/3MB`);
  expect(progressText(half, 80, 0)).toBe("   1.5MB/3MB");
  expect(progressText({ current: 5 }, 80, 0)).toBe("      5B");
  expect(progressText({}, 80, 0)).toBe("");
  expect(progressText({ current: 5, total: 10, units: "steps" }, 80, 0)).toBe("5/10 steps");
});
