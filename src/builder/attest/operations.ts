/** Operations in the JSON form of BuildKit's (solver/pb/ops.proto), as provenance tells them. Numbers that mean "as it is" are -1. */
import type { RunMount } from "../../dockerfile/run-mount.ts";
import type { CopyWords } from "../copy-step.ts";

/** Where in the Dockerfile: the first and the last line. */
export interface Lines {
  start: number;
  end: number;
}

/** One operation, and those whose results it works with. */
export interface Operation {
  Op: object;
  inputs: Operation[];
  /** What commands and images are for; files are the same for all. */
  platform?: { Architecture: string; OS: string; Variant?: string };
  /** Absent for what the Dockerfile does not say by itself. */
  lines?: Lines[];
}

export const isSame = -1;

/** A file that is written. */
export function mkfile(name: string, text: string, mode: number): Operation {
  const data = Buffer.from(text).toString("base64");
  const action = { path: `/${name}`, mode, ...(data !== "" && { data }), timestamp: isSame };
  return fileOperation(undefined, [{ Action: { mkfile: action } }]);
}

interface FileAction {
  Action: object;
  /** What it takes files from. */
  from?: Operation | undefined;
}

/** Changes of files, each working with what the one before has come to. */
export function fileOperation(base: Operation | undefined, actions: readonly FileAction[]): Operation {
  const inputs = unique([base, ...actions.map(({ from }) => from)]);
  const placeOf = (one: Operation | undefined) => (one === undefined ? isSame : inputs.indexOf(one));
  return {
    Op: {
      file: {
        actions: actions.map(({ Action, from }, at) => ({
          // Behind the inputs come the results of the actions.
          input: at === 0 ? placeOf(base) : inputs.length + at - 1,
          secondaryInput: placeOf(from),
          output: at === actions.length - 1 ? 0 : isSame,
          Action,
        })),
      },
    },
    inputs,
  };
}

export function unique(operations: readonly (Operation | undefined)[]): Operation[] {
  return [...new Set(operations.filter((one) => one !== undefined))];
}

/** What of a copy is the same for all that it copies. */
export function copyFields({ target, chown, chmod }: Pick<CopyWords, "target" | "chown" | "chmod">): {
  dest: string;
} {
  return {
    dest: target,
    ...(chown !== undefined && { owner: ownerOf(chown) }),
    // Zero, where the mode is in words.
    ...(chmod === undefined ? { mode: isSame } : modeOf(chmod)),
  };
}

function modeOf(chmod: string): object {
  return /^[0-7]+$/.test(chmod) ? { mode: Number.parseInt(chmod, 8) } : { modeStr: chmod };
}

/** `user`, `user:group`, by names or numbers. */
export function ownerOf(text: string): object {
  const at = text.indexOf(":");
  const [user, group] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  return { user: { User: idOf(user) }, ...(group !== "" && { group: { User: idOf(group) } }) };
}

function idOf(text: string): object {
  if (text === "root" || /^0+$/.test(text)) return {};
  return /^\d+$/.test(text) ? { byId: Number(text) } : { byName: { name: text } };
}

const sharings = { shared: 0, private: 1, locked: 2 } as const;

/** A mount that shows files: `input` and `output` are added by whoever knows the order. */
export function mountFields(mount: RunMount): object {
  const { type, target, source, id, sharing, readonly, size } = mount;
  const selector =
    source === undefined || source === "/" ? {} : { selector: `/${source.replace(/^\/+/, "")}` };
  const about = { ...selector, dest: target, output: isSame, ...(readonly && { readonly }) };
  if (type === "bind") return about;
  if (type === "tmpfs") return { ...about, mountType: 4, TmpfsOpt: { ...(size !== undefined && { size }) } };
  const shared = sharings[sharing];
  return {
    ...about,
    mountType: 3,
    cacheOpt: { ID: `/${id ?? target}`, ...(shared > 0 && { sharing: shared }) },
  };
}

/** Secrets and agents by their names; undefined for a secret that goes into a variable alone. */
export function handedOver(mount: RunMount): object | undefined {
  const { type, target, uid, gid, required } = mount;
  const owner = { ...(uid && { uid }), ...(gid && { gid }) };
  const optional = !required && { optional: true };
  const about = { input: isSame, dest: placeOf(mount) };
  if (type === "ssh") {
    const { id, mode = 0o600 } = mount;
    return {
      ...about,
      mountType: 2,
      SSHOpt: { ...(id !== undefined && { ID: id }), ...owner, mode, ...optional },
    };
  }
  const { env, mode = 0o400 } = mount;
  if (env !== undefined && target === undefined) return undefined;
  return { ...about, mountType: 1, secretOpt: { ID: secretName(mount), ...owner, mode, ...optional } };
}

/** What a secret is called that a step asks for. */
export function secretName({ id, source, target }: RunMount): string {
  return id ?? source ?? target?.split("/").pop() ?? "";
}

/** Where a secret or the socket of an agent is. */
export function placeOf(mount: RunMount): string {
  const usual = mount.type === "ssh" ? "/run/buildkit/ssh_agent.0" : `/run/secrets/${secretName(mount)}`;
  return mount.target ?? usual;
}
