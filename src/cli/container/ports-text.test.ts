import { expect, test } from "bun:test";
import type { PortSummary } from "../../api/containers.ts";
import { portsText } from "./ports-text.ts";

const port = (PrivatePort: number, PublicPort?: number, IP?: string, Type = "tcp"): PortSummary =>
  ({ PrivatePort, Type, ...(PublicPort ? { PublicPort } : {}), ...(IP ? { IP } : {}) }) as PortSummary;

test("ports that follow each other are one range; mappings to other numbers come last", () => {
  expect(portsText([port(80), port(81), port(53, undefined, undefined, "udp")])).toBe("53/udp, 80-81/tcp");
  expect(portsText([port(82, 82, "0.0.0.0"), port(80, 80, "0.0.0.0"), port(81, 81, "0.0.0.0")])).toBe(
    "0.0.0.0:80-82->80-82/tcp",
  );
  expect(portsText([port(80, 8080, "0.0.0.0"), port(80, 8080, "::"), port(90)])).toBe(
    "90/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
  );
  expect(portsText([])).toBe("");
});
