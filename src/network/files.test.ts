import { expect, test } from "bun:test";
import { etcHosts, etcResolvConf, hostsOfHost } from "./files.ts";

const hosts = {
  hostname: "web",
  domainname: "",
  addresses: ["172.17.0.2"],
  extraHosts: [] as string[],
  links: [] as string[],
  hostGateway: "172.17.0.1",
};

test("a container finds itself and the hosts that were added in /etc/hosts", () => {
  const text = etcHosts({
    ...hosts,
    domainname: "example.org",
    extraHosts: ["host.docker.internal:host-gateway", "db:fd00::5", "cache=[fd00::6]"],
  });
  expect(text.split("\n").slice(6)).toEqual([
    "172.17.0.1\thost.docker.internal",
    "fd00::5\tdb",
    "fd00::6\tcache",
    "172.17.0.2\tweb.example.org web",
    "",
  ]);
  expect(text.split("\n")[0]).toBe("127.0.0.1\tlocalhost");
});

test("the host is found without being asked for, unless somebody else has its name", () => {
  const lines = (request: Partial<typeof hosts> & { extraHosts?: string[] }) =>
    etcHosts({ ...hosts, ...request })
      .split("\n")
      .slice(6, -1);
  expect(lines({ links: ["172.17.0.9\tdb 0123 pg"] })).toEqual([
    "172.17.0.1\thost.docker.internal",
    "172.17.0.9\tdb 0123 pg",
    "172.17.0.2\tweb",
  ]);
  expect(lines({ extraHosts: ["host.docker.internal:10.0.0.1"] })).toEqual([
    "10.0.0.1\thost.docker.internal",
    "172.17.0.2\tweb",
  ]);
  expect(lines({ addresses: [] })).toEqual([]);
  expect(hostsOfHost("127.0.0.1 localhost")).toBe("127.0.0.1 localhost\n127.0.0.1\thost.docker.internal\n");
  expect(hostsOfHost("10.0.0.1 host.docker.internal\n")).toBe("10.0.0.1 host.docker.internal\n");
});

test("a host name with a domain is found whole and bare", () => {
  expect(etcHosts({ ...hosts, hostname: "web.example.org" })).toEndWith("172.17.0.2\tweb.example.org web\n");
});

test("host-gateway without a bridge is an error, not a wrong line", () => {
  expect(() => etcHosts({ ...hosts, hostGateway: undefined, extraHosts: ["h:host-gateway"] })).toThrow(
    "unable to derive the IP value for host-gateway",
  );
});

const nothing = { hostNetwork: false, resolver: false, dns: [], search: [], options: [] };
const files = (entries: Record<string, string>) => (path: string) => entries[path] ?? "";
const stub = "/run/systemd/resolve/resolv.conf";

test("a container gets the host's resolvers, without those that it cannot reach", () => {
  const text =
    "# made by hand\nnameserver 127.0.0.1\nnameserver 10.0.0.53\nnameserver fd00::1\nsearch lan\noptions ndots:2";
  expect(etcResolvConf(nothing, files({ "/etc/resolv.conf": text }))).toBe(
    "nameserver 10.0.0.53\nsearch lan\noptions ndots:2\n",
  );
});

test("behind systemd-resolved's stub stand the real servers, and behind nothing the public ones", () => {
  const local = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .";
  const read = files({ "/etc/resolv.conf": local, [stub]: "nameserver 192.0.2.53\n" });
  expect(etcResolvConf(nothing, read)).toBe("nameserver 192.0.2.53\n");
  expect(etcResolvConf(nothing, files({ "/etc/resolv.conf": local }))).toBe(
    "nameserver 8.8.8.8\nnameserver 8.8.4.4\noptions edns0 trust-ad\n",
  );
  expect(etcResolvConf({ ...nothing, hostNetwork: true, resolver: false }, read)).toStartWith(
    "nameserver 127.0.0.53\n",
  );
});

test("what was asked for takes the place of the host's", () => {
  const read = files({ "/etc/resolv.conf": "nameserver 10.0.0.53\nsearch lan\noptions ndots:2" });
  const request = {
    hostNetwork: false,
    resolver: false,
    dns: ["127.0.0.1", "1.1.1.1"],
    search: ["."],
    options: ["timeout:1"],
  };
  expect(etcResolvConf(request, read)).toBe("nameserver 127.0.0.1\nnameserver 1.1.1.1\noptions timeout:1\n");
});
