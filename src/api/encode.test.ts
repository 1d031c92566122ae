import { describe, expect, test } from "bun:test";
import { ContainerCreateResponse, HostConfig, PortMap } from "./containers.ts";
import { decodeText } from "./decode.ts";
import { encode, encodeText } from "./encode.ts";
import { ImageConfig } from "./images.ts";
import { JSONMessage } from "./progress.ts";
import { EventMessage } from "./system.ts";

describe("encoding as Go does", () => {
  test("writes zero values of what is absent, and null for lists", () => {
    const encoded = encode(HostConfig, { Memory: 5 }, "1.55") as Record<string, unknown>;
    expect(encoded.Memory).toBe(5);
    expect(encoded.Binds).toBeNull();
    expect(encoded.Privileged).toBe(false);
    expect(encoded.RestartPolicy).toEqual({ Name: "", MaximumRetryCount: 0 });
    expect("Init" in encoded).toBe(false);
    expect("Tmpfs" in encoded).toBe(false);
  });

  test("orders fields as the schema does, and ends with a line feed", () => {
    expect(encodeText(ContainerCreateResponse, { Warnings: [], Id: "x" }, "1.55")).toBe(
      '{"Id":"x","Warnings":[]}\n',
    );
  });

  test("keeps an empty struct, and leaves out empty text", () => {
    expect(encodeText(JSONMessage, { status: "Waiting", progressDetail: {}, id: "" }, "1.55")).toBe(
      '{"status":"Waiting","progressDetail":{}}\n',
    );
  });

  test("a pointer to zero is no zero", () => {
    expect(encode(HostConfig, { Init: false }, "1.55")).toMatchObject({ Init: false });
  });

  test("shows fields only to the versions that have them", () => {
    const event = {
      status: "start",
      Type: "container",
      Action: "start",
      Actor: { ID: "a", Attributes: {} },
    } as const;
    expect(encode(EventMessage, event, "1.51")).toMatchObject({ status: "start" });
    expect(encode(EventMessage, event, "1.52")).not.toHaveProperty("status");
  });

  test("sorts the keys of maps, and keeps null for ports that are not published", () => {
    const ports = { "80/tcp": null, "53/udp": null };
    expect(JSON.stringify(encode(PortMap, ports, "1.55"))).toBe('{"53/udp":null,"80/tcp":null}');
  });

  test("shows what an image leaves out with its zero value to clients before API 1.50", () => {
    const config = { Cmd: ["sh"] };
    expect(encode(ImageConfig, config, "1.50")).toEqual({ Cmd: ["sh"] });
    expect(encode(ImageConfig, config, "1.49")).toMatchObject({ Hostname: "", Entrypoint: null, Tty: false });
  });

  test("integers stay those of their type: the largest comes back as it was, times to the nanosecond", () => {
    const host = '{"MemorySwap":9223372036854775807,"Memory":9007199254740994}';
    const text = encodeText(HostConfig, decodeText(HostConfig, host), "1.55");
    expect(text).toContain('"MemorySwap":9223372036854775807');
    expect(text).toContain('"Memory":9007199254740994');
    const rates = '{"BlkioDeviceReadBps":[{"Path":"/dev/x","Rate":18446744073709551615}]}';
    expect(encodeText(HostConfig, decodeText(HostConfig, rates), "1.55")).toContain(
      '"Rate":18446744073709551615',
    );
    const event = '{"Type":"container","Action":"die","Actor":{},"time":1,"timeNano":1763739421943215381}';
    expect(encodeText(EventMessage, decodeText(EventMessage, event), "1.55")).toContain(
      '"timeNano":1763739421943215381',
    );
    expect(() => decodeText(HostConfig, '{"Memory":9223372036854775808}')).toThrow(
      "json: cannot unmarshal number 9223372036854775808 into Go struct field",
    );
  });
});
