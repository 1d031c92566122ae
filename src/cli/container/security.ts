import { invalidArgument, messageOf } from "../../base/errors.ts";
import { readNamedFile } from "./environment.ts";

/** What `--security-opt` asks for. */
export interface SecuritySettings {
  readonly options: string[] | null;
  /** Empty, and not absent, when `systempaths=unconfined` unmasks them. */
  readonly maskedPaths: string[] | null;
  readonly readonlyPaths: string[] | null;
}

function profile(path: string): string {
  let text: string;
  try {
    text = readNamedFile(path);
  } catch (error) {
    throw invalidArgument(`opening seccomp profile (${path}) failed: ${messageOf(error)}`, error);
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw invalidArgument(`compacting json for seccomp profile (${path}) failed: ${messageOf(error)}`, error);
  }
}

function readOption(text: string): string {
  const [name = "", value = ""] = /^([^=]*)=(.*)$/s.exec(text)?.slice(1) ??
    /^([^:]*):(.*)$/s.exec(text)?.slice(1) ?? [text];
  if (name !== "no-new-privileges" && value === "") {
    throw invalidArgument(`Invalid --security-opt: ${JSON.stringify(text)}`);
  }
  if (name !== "seccomp" || value === "builtin" || value === "unconfined") return text;
  return `seccomp=${profile(value)}`;
}

/** Reads `--security-opt`; seccomp profiles are files of this machine, and sent as text. */
export function readSecurity(given: readonly string[]): SecuritySettings {
  const options = given.map(readOption);
  const kept = options.filter((option) => option !== "systempaths=unconfined");
  const unmask = kept.length < options.length;
  return {
    options: given.length > 0 ? kept : null,
    maskedPaths: unmask ? [] : null,
    readonlyPaths: unmask ? [] : null,
  };
}
