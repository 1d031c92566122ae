import { expect, test } from "bun:test";
import { mergeConfig } from "./merge-config.ts";

const image = { Entrypoint: ["/entry"], Cmd: ["default"], Env: ["PATH=/bin", "A=image"], User: "www" };

test("an entry point that is asked for silences the image's command", () => {
  const merged = mergeConfig({ Entrypoint: ["/mine"] }, image);
  expect([merged.Entrypoint, merged.Cmd]).toEqual([["/mine"], undefined]);
});

test("a command goes to the image's entry point", () => {
  const merged = mergeConfig({ Cmd: ["x", "y"] }, image);
  expect([merged.Entrypoint, merged.Cmd]).toEqual([["/entry"], ["x", "y"]]);
});

test("an empty entry point runs the command alone, and needs one", () => {
  expect(mergeConfig({ Entrypoint: [""], Cmd: ["sh"] }, image).Entrypoint).toBeUndefined();
  expect(() => mergeConfig({ Entrypoint: [""] }, image)).toThrow("no command specified");
});

test("variables that are asked for come first and win", () => {
  expect(mergeConfig({ Env: ["A=mine", "B"] }, image).Env).toEqual(["A=mine", "B", "PATH=/bin"]);
});
