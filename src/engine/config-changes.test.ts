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
    Env: ["PATH=/bin", "B=two words", "A=3"],
    Cmd: ["sh", "-c", "x"],
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Volumes: { "/data": {} },
  });
});

test("the shell form of a command, and what is no change, are known", () => {
  expect(applyChanges({}, ["ENTRYPOINT top -b"]).Entrypoint).toEqual(["/bin/sh", "-c", "top -b"]);
  expect(() => applyChanges({}, ["RUN ls"])).toThrow("run is not a valid change command");
});
