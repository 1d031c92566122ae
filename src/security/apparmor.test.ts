import { expect, test } from "bun:test";
import { loadApparmorProfile } from "../linux/apparmor.ts";
import { apparmorProfileText } from "./apparmor.ts";

const parser = Bun.which("apparmor_parser", { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" });

test.skipIf(parser === null)("apparmor_parser takes the profile, and an error of it is told", () => {
  loadApparmorProfile(apparmorProfileText(), { check: true });
  expect(() => loadApparmorProfile("profile x { nonsense }", { check: true })).toThrow(
    /^cannot load the AppArmor profile: [\s\S]*syntax error/,
  );
});
