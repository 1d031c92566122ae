import { describe, expect, test } from "bun:test";
import { ContainerCreateRequest, ContainerWaitResponse } from "./containers.ts";
import { decode, decodeText } from "./decode.ts";
import { input, list, map, nullable, optional, string, struct, uint16 } from "./schema.ts";

describe("decoding as Go does", () => {
  test("takes keys in any case, and lets an exact one win", () => {
    expect(decode(ContainerCreateRequest, { image: "a", HOSTCONFIG: { memory: 5 } })).toEqual({
      Image: "a",
      HostConfig: { Memory: 5 },
    });
    expect(decode(ContainerCreateRequest, { Image: "exact", IMAGE: "other" })).toEqual({ Image: "exact" });
  });

  test("ignores unknown fields, and null leaves a field absent", () => {
    expect(decode(ContainerCreateRequest, { Nope: 1, Image: null, Env: null })).toEqual({});
  });

  test("keeps null apart where it means something", () => {
    const request = decode(ContainerCreateRequest, { HostConfig: { Init: null, MaskedPaths: [] } });
    expect(request.HostConfig).toEqual({ MaskedPaths: [], Init: null });
  });

  test("takes a string for a command", () => {
    expect(decode(ContainerCreateRequest, { Cmd: "ls", Entrypoint: ["a", "b"] })).toEqual({
      Cmd: ["ls"],
      Entrypoint: ["a", "b"],
    });
  });

  test("fills what an older daemon leaves out of an answer", () => {
    const Answer = struct("x.Answer", () => ({
      Names: list(string),
      Labels: map(string),
      Note: nullable(string),
    }));
    expect(decode(Answer, { Names: null })).toEqual({ Names: [], Labels: {}, Note: null });
    expect(decode(ContainerWaitResponse, {})).toEqual({ StatusCode: 0 });
  });

  test("a key __proto__ is only a key", () => {
    const labels = decodeText(map(string), '{"__proto__": "x", "a": "b"}');
    expect(Object.keys(labels)).toEqual(["__proto__", "a"]);
    expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
    const config = decodeText(ContainerCreateRequest, '{"__proto__": {"Image": "x"}, "constructor": 1}');
    expect(config.Image).toBeUndefined();
  });

  const wrong: [json: string, message: string][] = [
    [
      `{"Hostname":1}`,
      "json: cannot unmarshal number into Go struct field CreateRequest.Hostname of type string",
    ],
    [`{"Env":"x"}`, "json: cannot unmarshal string into Go struct field CreateRequest.Env of type []string"],
    [`{"Env":[1]}`, "json: cannot unmarshal number into Go struct field CreateRequest.Env of type string"],
    [
      `{"HostConfig":"s"}`,
      "json: cannot unmarshal string into Go struct field CreateRequest.HostConfig of type container.HostConfig",
    ],
    [
      `{"HostConfig":{"Memory":"x"}}`,
      "json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Memory of type int64",
    ],
    [
      `{"HostConfig":{"Memory":1.5}}`,
      "json: cannot unmarshal number 1.5 into Go struct field HostConfig.HostConfig.Memory of type int64",
    ],
    [
      `{"Labels":{"a":true}}`,
      "json: cannot unmarshal bool into Go struct field CreateRequest.Labels of type string",
    ],
    [`[]`, "json: cannot unmarshal array into Go value of type container.CreateRequest"],
    [`{bad`, "invalid character 'b' looking for beginning of object key string"],
    [`{"a":`, "unexpected EOF"],
    [`{"a":1 "b"}`, `invalid character '"' after object key:value pair`],
    [`{"a":tru}`, "invalid character '}' in literal true (expecting 'e')"],
    [`{} x`, "invalid character 'x' after top-level value"],
    [`{"a":"\n"}`, "invalid character '\\n' in string literal"],
    [`[1,]`, "invalid character ']' looking for beginning of value"],
    [`{"a":01}`, "invalid character '1' after object key:value pair"],
  ];
  test.each(wrong)("%s", (json, message) => {
    expect(() => decodeText(ContainerCreateRequest, json)).toThrow(message);
  });

  test("numbers must fit their type", () => {
    const Port = input("x.Port", () => ({ Port: optional(uint16) }));
    expect(() => decode(Port, { Port: 65536 })).toThrow(
      "json: cannot unmarshal number 65536 into Go struct field Port.Port of type uint16",
    );
  });

  test("JSON that is nested without end is refused, not a crash", () => {
    expect(() => decodeText(ContainerCreateRequest, "[".repeat(1_000_000))).toThrow();
  });
});
