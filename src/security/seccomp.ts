import { invalidArgument } from "../base/errors.ts";
import type { SeccompSpec } from "../oci/runtime-spec.ts";
import type { SecurityFacts } from "./host-facts.ts";
import { defaultSeccompProfile } from "./seccomp-default.ts";
import { compileSeccomp } from "./seccomp-filter.ts";
import { parseSeccompProfile } from "./seccomp-parse.ts";
import { resolveProfile, type SeccompProfile } from "./seccomp-profile.ts";

export interface SeccompFilter {
  /** For any runtime. */
  spec: SeccompSpec;
  /** The same, compiled, for crun; undefined where the runtime has to compile it. */
  bpf: string | undefined;
}

export interface SeccompRequest {
  /**
   * What `--security-opt seccomp=` says: undefined, `builtin`, `unconfined` or a profile as JSON text. The daemon's
   * own default stands here when the container asks for nothing.
   */
  profile: string | undefined;
  privileged: boolean;
  /** The container's bounding set. */
  capabilities: readonly string[];
}

/** Few containers of a host differ in profile and capabilities; more than this are not kept. */
const maxKept = 64;

/** Makes the seccomp filters of containers, and keeps them: compiling one takes longer than starting a container. */
export class SeccompFilters {
  readonly #facts: SecurityFacts;
  readonly #kept = new Map<string, SeccompFilter>();

  constructor(facts: SecurityFacts) {
    this.#facts = facts;
  }

  /**
   * The filter of a container, or undefined when it is not confined: asked so, privileged without a profile of its own,
   * or no default on a kernel without seccomp. Throws `invalidArgument` for a profile that is none.
   */
  filterFor(request: SeccompRequest): SeccompFilter | undefined {
    const { profile } = request;
    if (profile === "unconfined") return undefined;
    const custom = profile !== undefined && profile !== "" && profile !== "builtin";
    if (request.privileged && !custom) return undefined;
    if (!this.#facts.seccomp) {
      if (!custom) return undefined;
      throw invalidArgument("seccomp is not enabled in your kernel, cannot run a custom seccomp profile");
    }
    const key = `${request.capabilities.join(",")}\n${custom ? profile : ""}`;
    const known = this.#kept.get(key);
    if (known) return known;
    const chosen = custom ? parseSeccompProfile(profile) : defaultSeccompProfile;
    // Neither an action nor a rule: it asks for nothing.
    if (chosen.defaultAction === "" && chosen.syscalls.length === 0) return undefined;
    const made = this.#make(chosen, request.capabilities);
    if (this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(key, made);
    return made;
  }

  #make(profile: SeccompProfile, capabilities: readonly string[]): SeccompFilter {
    const { architecture, seccompArchitecture, kernelRelease } = this.#facts;
    const spec = resolveProfile(profile, {
      capabilities,
      architecture,
      nativeArchitecture: seccompArchitecture,
      kernelRelease,
    });
    return { spec, bpf: compileSeccomp(spec) };
  }
}
