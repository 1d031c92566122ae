import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { errnoOf, unavailable } from "../base/errors.ts";

const profilesFile = "/sys/kernel/security/apparmor/profiles";

/** True when the kernel has a profile of that name. */
export function isApparmorProfileLoaded(name: string): boolean {
  const lines = readFileSync(profilesFile, "utf8").split("\n");
  return lines.some((line) => line.startsWith(`${name} (`));
}

/**
 * Gives `profile` (apparmor.d(5)) to the kernel by apparmor_parser(8), over one of the same name. `check`: only reads
 * it. Throws `unavailable` when the tool is missing or refuses.
 */
export function loadApparmorProfile(profile: string, options: { check?: boolean } = {}): void {
  const args = options.check ? ["-Q", "-K"] : ["-r", "-K"];
  const result = spawnSync("apparmor_parser", args, { input: profile, encoding: "utf8", timeout: 30_000 });
  if (result.error) {
    const why =
      errnoOf(result.error) === "ENOENT" ? "apparmor_parser is not installed" : result.error.message;
    throw unavailable(`cannot load the AppArmor profile: ${why}`, result.error);
  }
  if (result.status !== 0) {
    throw unavailable(`cannot load the AppArmor profile: ${result.stderr.trim().slice(0, 2000)}`);
  }
}
