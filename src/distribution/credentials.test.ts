import { expect, test } from "bun:test";
import {
  basicAuthorization,
  decodeRegistryAuth,
  decodeRegistryConfig,
  encodeRegistryAuth,
} from "./credentials.ts";

const credentials = { username: "ü?>", password: "p:ß~~", serveraddress: "localhost:5000" };

test("X-Registry-Auth is read in every alphabet that clients use", () => {
  expect(decodeRegistryAuth(encodeRegistryAuth(credentials))).toEqual(credentials);
  expect(decodeRegistryAuth(Buffer.from(JSON.stringify(credentials)).toString("base64"))).toEqual(
    credentials,
  );
  const padded = Buffer.from('{"Username":"u","Password":"p","email":"x"}').toString("base64");
  expect(decodeRegistryAuth(padded.replaceAll("+", "-").replaceAll("/", "_"))).toEqual({
    username: "u",
    password: "p",
  });
});

test("the field auth stands for user and password", () => {
  const auth = Buffer.from("u:p:q").toString("base64");
  expect(decodeRegistryAuth(encodeRegistryAuth({ auth } as never))).toEqual({
    username: "u",
    password: "p:q",
  });
});

test("an absent, empty or null header means nobody", () => {
  for (const header of [undefined, "", "e30=", "bnVsbA=="]) expect(decodeRegistryAuth(header)).toEqual({});
});

test("what is not JSON is refused", () => {
  expect(() => decodeRegistryAuth("????")).not.toThrow();
  expect(() => decodeRegistryAuth("aGVsbG8")).toThrow("invalid X-Registry-Auth header");
});

test("X-Registry-Config is a map by server", () => {
  const header = Buffer.from(JSON.stringify({ "a:1": { username: "u", password: "p" } })).toString(
    "base64url",
  );
  expect(decodeRegistryConfig(header).get("a:1")).toEqual({ username: "u", password: "p" });
});

test("a header for basic authentication needs both parts", () => {
  expect(basicAuthorization({ username: "u", password: "p" })).toBe("Basic dTpw");
  expect(basicAuthorization({ username: "u" })).toBeUndefined();
});
