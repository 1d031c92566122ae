import { describe, expect, test } from "bun:test";
import { operations } from "../../api/operations.ts";
import { decodeQuery } from "./query.ts";
import { parseTarget, Router } from "./router.ts";

const router = new Router(operations);
const find = (method: string, target: string) => {
  const match = router.match(method, parseTarget(target).path);
  return match && [match.id, ...Object.values(match.params)];
};

describe("routes", () => {
  const cases: [string, string, string[] | undefined][] = [
    ["GET", "/v1.47/containers/json?all=1", ["ContainerList"]],
    ["GET", "/containers/json", ["ContainerList"]],
    ["GET", "/containers/abc/json", ["ContainerInspect", "abc"]],
    ["DELETE", "/v1.24/containers/abc", ["ContainerDelete", "abc"]],
    ["GET", "/images/localhost:5000/a/b:c/json", ["ImageInspect", "localhost:5000/a/b:c"]],
    ["GET", "/images/a%2Fb/json", ["ImageInspect", "a/b"]],
    ["GET", "/images/json/json", ["ImageInspect", "json"]],
    ["DELETE", "/images/library/json", ["ImageDelete", "library/json"]],
    ["POST", "/images/a/push/push", ["ImagePush", "a/push"]],
    ["GET", "/images/get?names=a", ["ImageGetAll"]],
    ["GET", "/images/a/get", ["ImageGet", "a"]],
    ["GET", "/containers/x/attach/ws", ["ContainerAttachWebsocket", "x"]],
    ["HEAD", "/_ping", ["SystemPingHead"]],
    ["POST", "/_ping", undefined],
    ["GET", "/containers/", undefined],
    ["GET", "/v1.47", undefined],
    ["GET", "/", undefined],
  ];
  test.each(cases)("%s %s", (method, target, expected) => {
    expect(find(method, target)).toEqual(expected);
  });

  test("a broken escape is the client's fault", () => {
    expect(() => parseTarget("/images/%zz/json")).toThrow("invalid URL escape");
  });
});

describe("queries", () => {
  const list = operations.ContainerList.query;
  const filters = (value: string) =>
    decodeQuery(list, `filters=${encodeURIComponent(value)}`, "1.55").filters;

  test("booleans by Docker's rule", () => {
    const values = ["1", "true", "yes", "x", "0", "false", "None", "no", ""];
    const read = values.map((value) => decodeQuery(list, `all=${value}`, "1.55").all);
    expect(read).toEqual([true, true, true, true, false, false, false, false, false]);
    expect(decodeQuery(operations.ContainerStats.query, "", "1.55").stream).toBe(true);
    expect(decodeQuery(operations.ContainerStats.query, "stream=0", "1.55").stream).toBe(false);
  });

  test("filters in the form of today and in the old one", () => {
    expect(filters('{"label":{"a=b":true,"c":true}}')).toEqual({ label: ["a=b", "c"] });
    expect(filters('{"label":["a=b"]}')).toEqual({ label: ["a=b"] });
    expect(() => filters("x")).toThrow("invalid filter");
    expect(() => filters('{"a":1}')).toThrow("invalid filter");
  });

  test("a number that is none is refused", () => {
    expect(() => decodeQuery(list, "limit=x", "1.55")).toThrow('strconv.Atoi: parsing "x": invalid syntax');
  });

  test("parameters that are newer than the client's version are as if absent", () => {
    const stop = operations.ContainerStop.query;
    expect(decodeQuery(stop, "signal=SIGINT&t=3", "1.41")).toEqual({ signal: "", t: 3 });
    expect(decodeQuery(stop, "signal=SIGINT&t=3", "1.42")).toEqual({ signal: "SIGINT", t: 3 });
  });

  test("plus is a space, repeated parameters add up", () => {
    const names = decodeQuery(operations.ImageGetAll.query, "names=a+b&names=c%2Fd", "1.55").names;
    expect(names).toEqual(["a b", "c/d"]);
  });
});
