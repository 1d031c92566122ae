import { describe, expect, test } from "bun:test";
import { parseFlags } from "../flags.ts";
import { createFlags } from "./create-flags.ts";
import { createRequest } from "./create-request.ts";

function request(...argv: string[]) {
  const { values, changed, args } = parseFlags(createFlags, [...argv, "busybox", "true"], false);
  const [image = "", ...command] = args;
  return createRequest({
    flags: values as never,
    changed: (name) => changed.has(name),
    image,
    command,
    consoleSize: [0, 0],
  });
}
const host = (...argv: string[]) => request(...argv).HostConfig ?? {};
const fails = (...argv: string[]) => expect(() => request(...argv));

/** What the Go client 28.2.2 sends, and says, was looked up for each of these. */
describe("flags of create", () => {
  test("published and exposed ports", () => {
    const { ExposedPorts, HostConfig } = request(
      ..."--expose 90-91/udp -p 8080:80 -p 127.0.0.1:9000-9001:9000-9001/udp -p 53 -p [::1]:80:81 -p 3000-3010:3000".split(
        " ",
      ),
    );
    expect(HostConfig?.PortBindings).toEqual({
      "80/tcp": [{ HostIp: "", HostPort: "8080" }],
      "9000/udp": [{ HostIp: "127.0.0.1", HostPort: "9000" }],
      "9001/udp": [{ HostIp: "127.0.0.1", HostPort: "9001" }],
      "53/tcp": [{ HostIp: "", HostPort: "" }],
      "81/tcp": [{ HostIp: "::1", HostPort: "80" }],
      "3000/tcp": [{ HostIp: "", HostPort: "3000-3010" }],
    });
    expect(Object.keys(ExposedPorts ?? {}).sort()).toEqual(
      ["3000/tcp", "53/tcp", "80/tcp", "81/tcp", "90/udp", "9000/udp", "9001/udp", "91/udp"].sort(),
    );
    expect(host("-p", "published=8080,target=80,protocol=udp").PortBindings).toEqual({
      "80/udp": [{ HostIp: "", HostPort: "8080" }],
    });
    fails("-p", "abc").toThrow("invalid containerPort: abc");
    fails("-p", "foo:80").toThrow("invalid hostPort: foo");
    fails("-p", "1.2.3:80:80").toThrow("invalid IP address: 1.2.3");
    fails("-p", "80/foo").toThrow("invalid proto: foo");
    fails("-p", "80-81:1-3").toThrow("invalid ranges specified for container and host Ports: 1-3 and 80-81");
    fails("--expose", "1:2").toThrow("invalid port format for --expose: 1:2");
  });

  test("a size that is too large for Go's integers is a negative one, as there", () => {
    for (const size of ["9223372036854775807", "9999999999g"]) {
      const sent = BigInt(JSON.stringify(host("--shm-size", size).ShmSize));
      expect(sent < 0n && sent >= -(2n ** 63n)).toBe(true);
    }
  });

  test("volumes and mounts", () => {
    const { Volumes, HostConfig } = request(
      "-v",
      "/a:/b",
      "-v",
      "vol:/c:ro",
      "-v",
      "/anon",
      "-v",
      "./rel:/d",
    );
    expect(HostConfig?.Binds).toEqual(["/a:/b", "vol:/c:ro", `${process.cwd()}/rel:/d`]);
    expect(Volumes).toEqual({ "/anon": {} });
    expect(request("-v", "vol:/b", "-v", "vol:/b").HostConfig?.Binds).toEqual(["vol:/b"]);
    fails("-v", ":/x").toThrow("invalid spec: :/x: empty section between colons");
    expect(host("--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770").Mounts).toEqual([
      { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1770 } },
    ]);
    expect(host("--mount", "source=v,target=/c,volume-nocopy,readonly").Mounts).toEqual([
      {
        Type: "volume",
        Source: "v",
        Target: "/c",
        ReadOnly: true,
        VolumeOptions: { DriverConfig: {}, NoCopy: true },
      },
    ]);
    fails("--mount", "type=bind").toThrow("target is required");
    fails("--mount", "type=bind,src=a,dst=/x,tmpfs-size=1").toThrow(
      "cannot mix 'tmpfs-*' options with mount type 'bind'",
    );
  });

  test("resources", () => {
    expect(host("-m", "1.5g", "--memory-swap", "-1", "--cpus", "1.5", "--pids-limit", "-1")).toMatchObject({
      Memory: 1610612736,
      MemorySwap: -1,
      NanoCpus: 1_500_000_000,
      PidsLimit: -1,
    });
    expect(host("--ulimit", "nofile=5", "--ulimit", "core=1:2", "--ulimit", "nofile=9:10").Ulimits).toEqual([
      { Name: "core", Soft: 1, Hard: 2 },
      { Name: "nofile", Soft: 9, Hard: 10 },
    ]);
    fails("-m", "1x").toThrow(`invalid argument "1x" for "-m, --memory" flag: invalid suffix: 'x'`);
    fails("--cpus", "x").toThrow("failed to parse x as a rational number");
    fails("--ulimit", "nofile=5:2").toThrow(
      "ulimit soft limit must be less than or equal to hard limit: 5 > 2",
    );
  });

  test("networks", () => {
    expect(host("--network", "foo").NetworkMode).toBe("foo");
    expect(request("--network", "host").NetworkingConfig?.EndpointsConfig).toEqual({});
    const ends = request("--network", "foo", "--network-alias", "x", "--ip", "1.2.3.4").NetworkingConfig
      ?.EndpointsConfig;
    expect(ends?.foo).toMatchObject({ Aliases: ["x"], IPAMConfig: { IPv4Address: "1.2.3.4" } });
    fails("--network", "foo", "--network", "foo").toThrow('network "foo" is specified multiple times');
    fails("--network", "foo", "--network", "bridge").toThrow(
      "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
    );
    fails("--network-alias", "x").toThrow(
      "network-scoped aliases are only supported for user-defined networks",
    );
  });

  test("the process, and what it is given", () => {
    expect(request("--entrypoint", "").Entrypoint).toEqual([""]);
    expect(request("-i")).toMatchObject({ OpenStdin: true, AttachStdin: true, StdinOnce: true });
    expect(request("-a", "stderr")).toMatchObject({
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: true,
    });
    expect(host("--cap-add", "net_admin", "--cap-drop", "mknod", "--cap-drop", "all")).toMatchObject({
      CapAdd: ["CAP_NET_ADMIN"],
      CapDrop: ["ALL"],
    });
    expect(host("--security-opt", "systempaths=unconfined")).toMatchObject({
      MaskedPaths: [],
      ReadonlyPaths: [],
    });
    expect(host().MaskedPaths).toBeNull();
    fails("--rm", "--restart", "always").toThrow(
      "conflicting options: cannot specify both --restart and --rm",
    );
    fails("--security-opt", "foo").toThrow('Invalid --security-opt: "foo"');
    fails("--pid", "foo").toThrow("--pid: invalid PID mode");
    fails("--health-cmd", "x", "--no-healthcheck").toThrow(
      "--no-healthcheck conflicts with --health-* options",
    );
    fails("--health-interval", "1").toThrow('time: missing unit in duration "1"');
  });

  test("an environment file comes first, and a name alone takes this process's value", async () => {
    const path = `/tmp/longshore-env-${process.pid}-${Math.random()}`;
    await Bun.write(path, "A=1\n# c\n\n  B=2 x\nHOME\nNOT_THERE_AT_ALL\n");
    try {
      expect(request("-e", "A=3", "--env-file", path).Env).toEqual([
        "A=1",
        "B=2 x",
        `HOME=${process.env.HOME}`,
        "A=3",
      ]);
    } finally {
      await Bun.file(path).delete();
    }
    fails("--env-file", "/nope").toThrow("open /nope: no such file or directory");
  });
});
