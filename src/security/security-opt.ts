import { parseBoolean } from "../base/booleans.ts";
import { invalidArgument } from "../base/errors.ts";

/** What `--security-opt` and the daemon's own defaults ask for. */
export interface SecurityOptions {
  noNewPrivileges: boolean;
  /** `builtin`, `unconfined` or JSON; undefined when nothing was said. */
  seccomp: string | undefined;
  /** A profile's name, or `unconfined`; undefined when nothing was said. */
  apparmor: string | undefined;
  /** Nothing of /proc and /sys is masked or read-only. */
  systemPathsUnconfined: boolean;
  /** The container may write to its cgroups. */
  writableCgroups: boolean;
}

function parseBool(text: string, option: string): boolean {
  try {
    return parseBoolean(text);
  } catch (error) {
    throw invalidArgument(`invalid --security-opt 2: ${JSON.stringify(option)}`, error);
  }
}

/**
 * Reads the options in Docker's forms (`name=value`, and the older `name:value`). SELinux labels (`label`, `disable`)
 * are taken and have no effect. Throws `invalidArgument`.
 */
export function parseSecurityOptions(
  options: readonly string[],
  defaults: Partial<SecurityOptions> = {},
): SecurityOptions {
  const result: SecurityOptions = {
    noNewPrivileges: false,
    seccomp: undefined,
    apparmor: undefined,
    systemPathsUnconfined: false,
    writableCgroups: false,
    ...defaults,
  };
  for (const option of options) {
    if (option === "no-new-privileges") result.noNewPrivileges = true;
    else if (option !== "disable") applyOption(result, option);
  }
  return result;
}

function applyOption(result: SecurityOptions, option: string): void {
  const separator = option.includes("=") ? "=" : ":";
  const at = option.indexOf(separator);
  if (at < 0) throw invalidArgument(`invalid --security-opt 1: ${JSON.stringify(option)}`);
  const value = option.slice(at + 1);
  switch (option.slice(0, at)) {
    case "label":
      return;
    case "apparmor":
      result.apparmor = value;
      return;
    case "seccomp":
      result.seccomp = value;
      return;
    case "no-new-privileges":
      result.noNewPrivileges = parseBool(value, option);
      return;
    case "writable-cgroups":
      result.writableCgroups = parseBool(value, option);
      return;
    case "systempaths":
      if (value === "unconfined") {
        result.systemPathsUnconfined = true;
        return;
      }
  }
  throw invalidArgument(`invalid --security-opt 2: ${JSON.stringify(option)}`);
}
