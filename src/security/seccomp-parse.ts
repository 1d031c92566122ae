import { invalidArgument } from "../base/errors.ts";
import { compact, Fields, type JsonObject, parseJsonObject } from "../oci/json.ts";
import type { SeccompArgument } from "../oci/runtime-spec.ts";
import type { ProfileRule, SeccompCondition, SeccompProfile } from "./seccomp-profile.ts";

const what = "seccomp profile";
const maxSize = 1024 * 1024;
const maxRules = 10_000;

/** Reads a profile in Docker's JSON format, of at most 1 MiB. Throws `invalidArgument`. */
export function parseSeccompProfile(text: string): SeccompProfile {
  const json = new Fields(parseJsonObject(Buffer.from(text), what, maxSize), what);
  return compact<SeccompProfile>({
    defaultAction: json.string("defaultAction") ?? "",
    defaultErrnoRet: json.integer("defaultErrnoRet"),
    architectures: json.strings("architectures"),
    archMap: json.objects("archMap", maxRules)?.map(parseArchitecture),
    flags: json.strings("flags"),
    listenerPath: json.string("listenerPath"),
    listenerMetadata: json.string("listenerMetadata"),
    syscalls: (json.objects("syscalls", maxRules) ?? []).map(parseRule),
  });
}

function parseArchitecture(object: JsonObject) {
  const json = new Fields(object, what);
  return {
    architecture: json.string("architecture") ?? "",
    subArchitectures: json.strings("subArchitectures") ?? [],
  };
}

function parseRule(object: JsonObject): ProfileRule {
  const json = new Fields(object, what);
  const name = json.string("name");
  const names = json.strings("names") ?? [];
  if (name && names.length > 0) {
    throw invalidArgument(
      "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
    );
  }
  return compact<ProfileRule>({
    names: name ? [name] : names,
    action: json.string("action") ?? "",
    errnoRet: json.integer("errnoRet"),
    args: json.objects("args", 6)?.map(parseArgument),
    includes: parseCondition(json.object("includes")),
    excludes: parseCondition(json.object("excludes")),
  });
}

function parseArgument(object: JsonObject): SeccompArgument {
  const json = new Fields(object, what);
  return compact<SeccompArgument>({
    index: json.integer("index") ?? 0,
    value: json.integer("value") ?? 0,
    valueTwo: json.integer("valueTwo"),
    op: json.string("op") ?? "",
  });
}

function parseCondition(object: JsonObject | undefined): SeccompCondition | undefined {
  if (!object) return undefined;
  const json = new Fields(object, what);
  return compact<SeccompCondition>({
    caps: json.strings("caps"),
    arches: json.strings("arches"),
    minKernel: json.string("minKernel"),
  });
}
