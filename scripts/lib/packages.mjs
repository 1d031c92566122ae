// The distribution's packages that are needed, each with the file or executable by which it is known to be there.
import { arch } from "node:process";

const multiarch = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }[arch];

/** What the engine and the quick start need, beside an OCI runtime. */
export const enginePackages = {
  libnftables1: `/usr/lib/${multiarch}/libnftables.so.1`,
  "busybox-static": "busybox",
};

/** What the tests use beside that: real clients and tools to look at the kernel with. */
export const testPackages = {
  nftables: "nft",
  iproute2: "ip",
  skopeo: "skopeo",
  tmux: "tmux",
  zstd: "zstd",
  curl: "curl",
  "bind9-dnsutils": "dig",
  python3: "python3",
  procps: "sysctl",
  tini: "tini",
  strace: "strace",
};

/** Servers that the tests start themselves; what the distribution does not have is left out, and its tests skipped. */
export const serverPackages = {
  postgresql: "/usr/lib/postgresql",
};

/** What the benchmark measures beside the engine (peers), and how fast it could be at best (floors). */
export const benchPackages = {
  iproute2: "ip",
  e2fsprogs: "mkfs.ext4",
  "util-linux": "nsenter",
  crun: "crun",
  skopeo: "skopeo",
  curl: "curl",
};

/** The peers themselves, by the names that `npm run bench -- --peers` takes. */
export const peerPackages = {
  "docker.io": {
    "docker.io": "/usr/sbin/dockerd",
    // Of its own from Debian 13 on.
    "docker-cli": "docker",
    iptables: "iptables",
    "docker-registry": "/usr/bin/docker-registry",
  },
  podman: {
    podman: "podman",
    netavark: "/usr/lib/podman/netavark",
    "aardvark-dns": "/usr/lib/podman/aardvark-dns",
  },
};
