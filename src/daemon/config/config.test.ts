import { describe, expect, test } from "bun:test";
import { loadConfig } from "./config.ts";
import { helpText } from "./help.ts";
import { endpointsOf } from "./hosts.ts";

const load = (file: string, ...argv: string[]) =>
  loadConfig(["--config-file", "/d.json", ...argv], () => file);
const inFile = "unable to configure the Docker daemon with file /d.json: ";
const merged = `${inFile}merged configuration validation from file and command line flags failed: `;

describe("flags and daemon.json", () => {
  test("defaults are Docker's", () => {
    const { config, given } = loadConfig([], () => {
      throw Object.assign(new Error("gone"), { code: "ENOENT" });
    });
    expect(config).toMatchObject({
      dataRoot: "/var/lib/docker",
      execRoot: "/var/run/docker",
      pidfile: "/var/run/docker.pid",
      logDriver: "json-file",
      icc: true,
      defaultShmSize: 67108864,
      shutdownTimeout: 15,
    });
    expect(given.size).toBe(0);
  });

  test("flags in all of pflag's forms", () => {
    const { config } = load(
      "{}",
      "-DH",
      "tcp://127.0.0.1:0",
      "-Hunix:///x",
      "-l=warn",
      "--icc=false",
      "--mtu=9000",
    );
    expect(config).toMatchObject({
      debug: true,
      hosts: ["tcp://127.0.0.1:0", "unix:///x"],
      logLevel: "warn",
      icc: false,
      mtu: 9000,
    });
  });

  test("values of every form from the file", () => {
    const { config } = load(
      JSON.stringify({
        "log-opts": { "max-size": "10m" },
        "default-ulimits": { nofile: { Name: "nofile", Hard: 2, Soft: 1 } },
        "default-address-pools": [{ base: "10.0.0.0/8", size: 24 }],
        "default-shm-size": "128M",
        proxies: { "http-proxy": "http://p" },
        features: { x: true },
        runtimes: { kata: { path: "/kata", runtimeArgs: ["-v"] } },
      }),
      "--add-runtime",
      "other=/o",
      "--default-runtime",
      "kata",
    );
    expect(config).toMatchObject({
      logOpts: { "max-size": "10m" },
      defaultUlimits: { nofile: { Hard: 2, Soft: 1 } },
      defaultAddressPools: [{ base: "10.0.0.0/8", size: 24 }],
      defaultShmSize: 134217728,
      httpProxy: "http://p",
      runtimes: { kata: { path: "/kata", runtimeArgs: ["-v"] }, other: { path: "/o" } },
    });
  });

  const errors: [file: string, argv: string[], message: string][] = [
    [
      `{"nope":1,"a":2}`,
      [],
      `${inFile}the following directives don't match any configuration option: a, nope`,
    ],
    [
      `{"debug":true,"hosts":["unix:///a"],"log-opts":{"a":"b"}}`,
      ["-D", "-H", "unix:///x", "--log-opt", "max-size=3"],
      `${inFile}the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: true), hosts: (from flag: [unix:///x], from file: [unix:///a]), log-opts: (from flag: map[max-size:3], from file: map[a:b])`,
    ],
    [`{bad`, [], `${inFile}invalid character 'b' looking for beginning of object key string`],
    [``, [], `${inFile}EOF`],
    [`[]`, [], `${inFile}json: cannot unmarshal array into Go value of type map[string]interface {}`],
    [
      `{"debug":"x"}`,
      [],
      `${inFile}json: cannot unmarshal string into Go struct field Config.debug of type bool`,
    ],
    [
      `{"log-opts":{"max-size":5}}`,
      [],
      `${inFile}json: cannot unmarshal number into Go struct field Config.log-opts of type string`,
    ],
    [`{"labels":["a"]}`, [], `${inFile}configuration validation from file failed: bad attribute format: a`],
    [`{"Debug":true}`, [], `${inFile}the following directives don't match any configuration option: Debug`],
    ["{}", ["--default-runtime", "zip"], `${merged}specified default runtime 'zip' does not exist`],
    ["{}", ["--nope"], "unknown flag: --nope\nSee 'dockerd --help'."],
    ["{}", ["-Z"], "unknown shorthand flag: 'Z' in -Z\nSee 'dockerd --help'."],
    ["{}", ["-H"], "flag needs an argument: 'H' in -H\nSee 'dockerd --help'."],
    ["{}", ["x"], `"dockerd" accepts no argument(s).\nSee 'dockerd --help'.`],
    [
      "{}",
      ["-H", "tcpp://x"],
      `invalid argument "tcpp://x" for "-H, --host" flag: invalid bind address format: tcpp://x\nSee 'dockerd --help'.`,
    ],
    [
      "{}",
      ["--registry-mirror", "foo"],
      `invalid argument "foo" for "--registry-mirror" flag: invalid mirror: unsupported scheme "" in "foo"\nSee 'dockerd --help'.`,
    ],
    [
      "{}",
      ["--default-ulimit", "nofile=5:2"],
      `invalid argument "nofile=5:2" for "--default-ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 5 > 2\nSee 'dockerd --help'.`,
    ],
  ];
  test.each(errors)("%s %j", (file, argv, message) => {
    expect(() => load(file, ...argv)).toThrow(message);
  });

  test("a file that was asked for must be there", () => {
    const gone = () => {
      throw Object.assign(new Error("gone"), { code: "ENOENT" });
    };
    expect(() => loadConfig(["--config-file", "/d.json"], gone)).toThrow(
      `${inFile}open /d.json: no such file or directory`,
    );
  });

  test("the help names every flag that a user may give", () => {
    for (const flag of ["--host list", "--tlsverify", "--add-runtime runtime", "--validate"]) {
      expect(helpText()).toContain(flag);
    }
  });
});

describe("endpoints", () => {
  const files: Record<string, string> = {
    "/etc/group": "root:x:0:\ndocker:x:77:\n",
    "/c": "C",
    "/k": "K",
    "/a": "A",
  };
  const readFile = (path: string) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
    return text;
  };
  const of = (...argv: string[]) =>
    endpointsOf(load("{}", ...argv), {
      readFile,
      pid: 5,
      env: { LISTEN_PID: "5", LISTEN_FDS: "2", LISTEN_FDNAMES: "a:b" },
    });

  test("the default is the unix socket of the group docker", () => {
    expect(of()).toEqual([{ kind: "unix", path: "/var/run/docker.sock", gid: 77 }]);
    expect(of("-G", "12")).toEqual([{ kind: "unix", path: "/var/run/docker.sock", gid: 12 }]);
    expect(() => of("-G", "nope")).toThrow("group nope not found");
  });

  test("TCP that others reach needs verified clients, or the word of the user", () => {
    for (const host of ["tcp://0.0.0.0:2375", "tcp://[::]:2375", "tcp://10.0.0.1", "tcp://example.com:1"]) {
      expect(() => of("-H", host)).toThrow("refusing to listen on");
      expect(() => of("-H", host, "--tls", "--tlscert", "/c", "--tlskey", "/k")).toThrow(
        "refusing to listen on",
      );
      expect(of("-H", host, "--tls=false")).toHaveLength(1);
    }
    expect(of("-H", "tcp://127.0.0.1", "-H", "tcp://[::1]:5", "-H", ":6")).toEqual([
      { kind: "tcp", host: "127.0.0.1", port: 2375, tls: undefined },
      { kind: "tcp", host: "::1", port: 5, tls: undefined },
      { kind: "tcp", host: "127.0.0.1", port: 6, tls: undefined },
    ]);
  });

  test("certificates", () => {
    const argv = ["-H", "tcp://0.0.0.0", "--tlsverify", "--tlscert", "/c", "--tlskey", "/k"];
    expect(of(...argv, "--tlscacert", "/a")).toEqual([
      { kind: "tcp", host: "0.0.0.0", port: 2376, tls: { cert: "C", key: "K", clientCa: "A" } },
    ]);
    expect(() => of(...argv, "--tlscacert", "/nope")).toThrow("open /nope: no such file or directory");
  });

  test("sockets of systemd: all, by name, by number", () => {
    expect(of("-H", "fd://")).toEqual([
      { kind: "fd", fd: 3 },
      { kind: "fd", fd: 4 },
    ]);
    expect(of("-H", "fd://b")).toEqual([{ kind: "fd", fd: 4 }]);
    expect(of("-H", "fd://3")).toEqual([{ kind: "fd", fd: 3 }]);
    expect(() => of("-H", "fd://z")).toThrow("failed to find systemd socket z");
    expect(() =>
      endpointsOf(load("{}", "-H", "fd://"), { readFile, pid: 6, env: { LISTEN_PID: "5" } }),
    ).toThrow("no sockets found via socket activation");
  });
});
