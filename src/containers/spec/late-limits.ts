import type { HookSpec, Rlimit, RuntimeSpec } from "../../oci/runtime-spec.ts";

/** crun (1.8) takes the container's limits on itself first, and then cannot write its own files. */
const hindersRuntime = ({ type }: Rlimit) => type === "RLIMIT_FSIZE";

/** `unlimited` for what no number is. */
const number = (limit: number) => (limit >= 2 ** 63 ? "unlimited" : String(limit));

/**
 * Of a container that crun starts, those limits that crun could not work with are set by a hook (prlimit(1)) when all is
 * there but for the program.
 */
export function withLateLimits(spec: RuntimeSpec): RuntimeSpec {
  const { rlimits = [], ...process } = spec.process;
  const late = rlimits.filter(hindersRuntime);
  if (late.length === 0) return spec;
  const early = rlimits.filter((limit) => !late.includes(limit));
  return {
    ...spec,
    process: { ...process, ...(early.length > 0 && { rlimits: early }) },
    hooks: { ...spec.hooks, createRuntime: [...(spec.hooks?.createRuntime ?? []), limitHook(late)] },
  };
}

/** The runtime writes its state, with the pid of the container's first process, to a hook's input. */
function limitHook(limits: readonly Rlimit[]): HookSpec {
  const flags = limits.map(
    ({ type, soft, hard }) =>
      `--${type.replace("RLIMIT_", "").toLowerCase()}=${number(soft)}:${number(hard)}`,
  );
  const script = String.raw`exec prlimit --pid "$(sed -n 's/.*"pid" *: *\([0-9]*\).*/\1/p')" "$@"`;
  return {
    path: "/bin/sh",
    args: ["sh", "-c", script, "sh", ...flags],
    env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    timeout: 10,
  };
}
