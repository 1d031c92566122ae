import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import type { MountPoint } from "./mount-point.ts";
import { planMounts } from "./plan-mounts.ts";

function plan(
  hostConfig: HostConfig,
  config: ContainerConfig = {},
  others: Record<string, MountPoint[]> = {},
) {
  return planMounts({ config, hostConfig, mountsOf: (name) => others[name] ?? [], exists: existsSync });
}
const shown = (mounts: MountPoint[]) =>
  mounts.map((m) =>
    `${m.type} ${m.source || m.name}:${m.destination} ${m.rw ? "rw" : "ro"} ${m.propagation}`.trim(),
  );

test("binds of paths and volumes", () => {
  expect(shown(plan({ Binds: ["/a/../b/:/x/", "vol:/y:ro,z", "/c:/z:rslave"] }))).toEqual([
    "bind /b:/x rw rprivate",
    "volume vol:/y ro",
    "bind /c:/z rw rslave",
  ]);
});

const bindErrors: [string, string][] = [
  [":/x", "invalid volume specification: ':/x'"],
  ["/x:rw", "invalid volume specification: '/x:rw'"],
  ["/a:/b:c:d", "invalid volume specification: '/a:/b:c:d'"],
  ["", "invalid volume specification: ''"],
  ["a:", "invalid volume specification: 'a:'"],
  ["/tmp:/x:Z,z", "invalid mode: Z,z"],
  ["/tmp:/x:ro,rw", "invalid mode: ro,rw"],
  ["rel:/x:foo", "invalid mode: foo"],
  [
    "/tmp:/x:nocopy",
    "invalid volume specification: '/tmp:/x:nocopy': invalid mount config for type \"bind\": field VolumeOptions must not be specified",
  ],
  [
    "vol:/x:shared",
    "invalid volume specification: 'vol:/x:shared': invalid mount config for type \"volume\": field BindOptions must not be specified",
  ],
  [
    "/a:rel",
    "invalid volume specification: '/a:rel': invalid mount config for type \"bind\": invalid mount path: 'rel' mount path must be absolute",
  ],
  [
    "x1:/../..",
    "invalid volume specification: 'x1:/../..': invalid mount config for type \"volume\": invalid specification: destination can't be '/'",
  ],
];
test.each(bindErrors)("bind '%s' is refused as Docker does", (text, message) => {
  expect(() => plan({ Binds: [text] })).toThrow(message);
});

const mountErrors: [NonNullable<HostConfig["Mounts"]>[number], string][] = [
  [{ Type: "bind", Source: "/nonex", Target: "/x" }, "bind source path does not exist: /nonex"],
  [{ Type: "bind", Target: "/x" }, "field Source must not be empty"],
  [{ Type: "bind", Source: "/tmp" }, "field Target must not be empty"],
  [{ Type: "bind", Source: "/tmp", Target: "/" }, "invalid specification: destination can't be '/'"],
  [{ Type: "bind", Source: "rel", Target: "/x" }, "invalid mount path: 'rel' mount path must be absolute"],
  [{ Type: "volume", Target: "/x", BindOptions: {} }, "field BindOptions must not be specified"],
  [
    { Type: "volume", Target: "/x", ReadOnly: true },
    "must not set ReadOnly mode when using anonymous volumes",
  ],
  [
    { Type: "volume", Target: "/x", VolumeOptions: { Subpath: "y" } },
    "must not set Subpath when using anonymous volumes",
  ],
  [{ Type: "tmpfs", Target: "/x", Source: "y" }, "field Source must not be specified"],
  [{ Target: "/x" }, "mount type unknown"],
];
test.each(mountErrors)("mount %j is refused as Docker does", (mount, message) => {
  expect(() => plan({ Mounts: [mount] })).toThrow(
    `invalid mount config for type ${JSON.stringify(mount.Type ?? "")}: ${message}`,
  );
});

test("no two mounts for one place", () => {
  const duplicate = "Duplicate mount point: /x";
  expect(() => plan({ Binds: ["/tmp:/x", "/etc:/x"] })).toThrow(duplicate);
  expect(() => plan({ Binds: ["/tmp:/x"], Tmpfs: { "/x": "" } })).toThrow(duplicate);
  expect(() => plan({ Binds: ["/tmp:/x"], Mounts: [{ Type: "tmpfs", Target: "/x/" }] })).toThrow(duplicate);
});

test("declared volumes are new ones, where nothing else is mounted", () => {
  const Volumes = { "/x": {}, "/y": {}, "/t": {} };
  const mounts = plan({ Binds: ["/tmp:/x"], Tmpfs: { "/t": "" } }, { Volumes });
  expect(mounts.map((mount) => [mount.destination, mount.anonymous, mount.copyData])).toEqual([
    ["/x", false, false],
    ["/y", true, true],
  ]);
  expect(mounts[1]?.name).toMatch(/^[0-9a-f]{64}$/);
});

test("other containers' mounts come first, read-only where asked, and are not filled again", () => {
  const others = { src: plan({ Binds: ["vol:/v", "/tmp:/b"] }) };
  const mounts = plan({ VolumesFrom: ["src:ro"], Binds: ["mine:/v"] }, {}, others);
  expect(shown(mounts)).toEqual(["volume mine:/v rw", "bind /tmp:/b ro rprivate"]);
  expect(plan({ VolumesFrom: ["src"] }, {}, others)[0]?.copyData).toBe(false);
  expect(() => plan({ VolumesFrom: [""] })).toThrow("volumes-from specification cannot be an empty string");
  expect(() => plan({ VolumesFrom: ["a:b:c"] })).toThrow("invalid mode: b:c");
});
