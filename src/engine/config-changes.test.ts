import { expect, test } from "bun:test";
import { applyChanges } from "./config-changes.ts";

test("instructions change the configuration one after another", () => {
  const changes = [
    'CMD ["sh", "-c", "x"]',
    "ENV A=1 B='two words'",
    "env A=3",
    "EXPOSE 80 53/udp",
    "VOLUME /data",
  ];
  expect(applyChanges({ Env: ["PATH=/bin"] }, changes)).toEqual({
    Env: ["PATH=/bin", "A=3", "B=two words"],
    Cmd: ["sh", "-c", "x"],
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Volumes: { "/data": {} },
  });
});

test("the shell form of a command, and what is no change, are known", () => {
  expect(applyChanges({}, ["ENTRYPOINT top -b"]).Entrypoint).toEqual(["/bin/sh", "-c", "top -b"]);
  expect(() => applyChanges({}, ["RUN ls"])).toThrow("RUN is not a valid change command");
  expect(() => applyChanges({}, ["", "# nothing"])).toThrow("file with no instructions");
  expect(applyChanges({}, [])).toEqual({});
});

test("a working directory is that of the root, or of the one before it", () => {
  const workingDir = (before: string, ...changes: string[]) =>
    applyChanges({ WorkingDir: before }, changes).WorkingDir;
  expect(workingDir("", "WORKDIR a")).toBe("/a");
  expect(workingDir("/a", "WORKDIR b", "WORKDIR ../c/")).toBe("/a/c");
  expect(workingDir("/a", "WORKDIR /b")).toBe("/b");
});

test("a check of health has its flags, and a command of a shell or of its own", () => {
  const health = (rest: string) => applyChanges({}, [`HEALTHCHECK ${rest}`]).Healthcheck;
  expect(health("--interval=1m30s --retries=2 CMD test -f /x")).toEqual({
    Test: ["CMD-SHELL", "test -f /x"],
    Interval: 90e9,
    Retries: 2,
  });
  expect(health('CMD ["test", "-f", "/x"]')).toEqual({ Test: ["CMD", "test", "-f", "/x"] });
  expect(health("NONE")).toEqual({ Test: ["NONE"] });
  expect(() => health("--every=1s CMD x")).toThrow("unknown flag: --every");
  expect(() => health("--interval=1us CMD x")).toThrow('Interval "interval" cannot be less than 1ms');
  expect(() => health("test -f /x")).toThrow('Unknown type "TEST" in HEALTHCHECK (try CMD)');
});
