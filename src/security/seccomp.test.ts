import { describe, expect, test } from "bun:test";
import { defaultCapabilities } from "./capabilities.ts";
import { readSecurityFacts, type SecurityFacts } from "./host-facts.ts";
import { SeccompFilters } from "./seccomp.ts";

const facts: SecurityFacts = {
  ...readSecurityFacts(),
  architecture: "amd64",
  seccompArchitecture: "SCMP_ARCH_X86_64",
  kernelRelease: "6.1.0-13-amd64",
  seccomp: true,
};

function rules(
  name: string,
  request: { capabilities?: string[]; facts?: Partial<SecurityFacts>; profile?: string },
) {
  const filter = new SeccompFilters({ ...facts, ...request.facts }).filterFor({
    profile: request.profile,
    privileged: false,
    capabilities: request.capabilities ?? [],
  });
  return filter?.spec.syscalls?.filter((rule) => rule.names.includes(name)) ?? [];
}

describe("the default profile", () => {
  test("allows what needs a capability only to who has it", () => {
    expect(rules("reboot", {})).toEqual([]);
    expect(rules("reboot", { capabilities: ["CAP_SYS_BOOT"] })).toHaveLength(1);
  });

  test("answers clone3 with ENOSYS, but to those who may make namespaces", () => {
    expect(rules("clone3", {})).toEqual([{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
    expect(rules("clone3", { capabilities: ["CAP_SYS_ADMIN"] })[0]?.action).toBe("SCMP_ACT_ALLOW");
  });

  test("refuses vsock and af_alg sockets", () => {
    const families = rules("socket", {}).map((rule) => rule.args?.[0]?.value);
    expect(families).toContain(16);
    expect(families).not.toContain(40);
    expect(families).not.toContain(38);
  });

  test("allows ptrace from Linux 4.8 on", () => {
    expect(rules("ptrace", { facts: { kernelRelease: "4.8.0" } })).toHaveLength(1);
    expect(rules("ptrace", { facts: { kernelRelease: "4.4.0-21-generic" } })).toEqual([]);
  });

  test("takes the architecture's own calls and compatible architectures", () => {
    const arm = { architecture: "arm64", seccompArchitecture: "SCMP_ARCH_AARCH64" };
    expect(rules("arch_prctl", { facts: arm })).toEqual([]);
    expect(rules("cacheflush", { facts: arm })).toHaveLength(1);
    const filter = new SeccompFilters({ ...facts, ...arm }).filterFor({
      profile: undefined,
      privileged: false,
      capabilities: defaultCapabilities,
    });
    expect(filter?.spec.architectures).toEqual(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
  });
});

describe("a profile of one's own", () => {
  test("is read in Docker's format, old names too", () => {
    const profile = JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { name: "chmod", action: "SCMP_ACT_ERRNO", args: null },
        { names: ["acct"], action: "SCMP_ACT_ERRNO", excludes: { caps: ["CAP_SYS_PACCT"] } },
      ],
    });
    expect(rules("chmod", { profile })).toEqual([{ names: ["chmod"], action: "SCMP_ACT_ERRNO" }]);
    expect(rules("acct", { profile, capabilities: ["CAP_SYS_PACCT"] })).toEqual([]);
  });

  test("is refused when it is none, or contradicts itself", () => {
    expect(() => rules("x", { profile: "{" })).toThrow(/^invalid seccomp profile/);
    expect(() => rules("x", { profile: '{"syscalls":[{"names":[1]}]}' })).toThrow(
      "names is not a list of strings",
    );
    const both = `{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}`;
    expect(() => rules("x", { profile: both })).toThrow("use either 'architectures' or 'archMap'");
  });

  test("without an action and without rules it asks for nothing", () => {
    const request = { profile: "{}", privileged: false, capabilities: defaultCapabilities };
    expect(new SeccompFilters(facts).filterFor(request)).toBeUndefined();
  });

  test("applies to a privileged container, which has no filter otherwise", () => {
    const filters = new SeccompFilters(facts);
    const request = { privileged: true, capabilities: defaultCapabilities };
    expect(filters.filterFor({ ...request, profile: undefined })).toBeUndefined();
    expect(filters.filterFor({ ...request, profile: '{"defaultAction":"SCMP_ACT_ALLOW"}' })).toBeDefined();
  });

  test("cannot be had on a kernel without seccomp, where the default is left out", () => {
    const filters = new SeccompFilters({ ...facts, seccomp: false });
    const request = { privileged: false, capabilities: defaultCapabilities };
    expect(filters.filterFor({ ...request, profile: undefined })).toBeUndefined();
    expect(() => filters.filterFor({ ...request, profile: "{}" })).toThrow("not enabled in your kernel");
  });
});
