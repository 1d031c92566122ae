import { existsSync, readFileSync, statSync } from "node:fs";
import { parseCsvRecord } from "../../base/csv.ts";
import type { Cleanups } from "../../base/disposables.ts";
import { invalidArgument } from "../../base/errors.ts";

/** The most that a secret may have: what BuildKit allows. Bytes. */
const maxSecret = 500 * 1024;

function fieldsOf(flag: string, text: string): Record<string, string> {
  return Object.fromEntries(
    parseCsvRecord(text).map((field) => {
      const at = field.indexOf("=");
      if (at < 0)
        throw invalidArgument(`invalid field '${field}' must be a key=value pair in ${flag} ${text}`);
      return [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
    }),
  );
}

/**
 * `--secret id=name[,src=path|env=VARIABLE]`: a variable or a file of this host, which is read when a step asks. Throws
 * `invalidArgument` for a file that is not there, or too large.
 */
export function parseSecret(text: string): [id: string, value: () => Uint8Array] {
  const { id = "", type, src, source, env, ...unknown } = fieldsOf("--secret", text);
  const [name] = Object.keys(unknown);
  if (name !== undefined) throw invalidArgument(`unexpected key '${name}' in '${name}=${unknown[name]}'`);
  if (id === "") throw invalidArgument(`invalid secret ${JSON.stringify(text)}: id is required`);
  if (type !== undefined && type !== "file" && type !== "env") {
    throw invalidArgument(`unsupported secret type "${type}"`);
  }
  const path = src ?? source;
  const variable =
    env ??
    (type === "env"
      ? (path ?? id)
      : path === undefined && type === undefined && id in process.env
        ? id
        : undefined);
  if (variable !== undefined) return [id, () => Buffer.from(process.env[variable] ?? "")];
  const file = path ?? id;
  const status = statSync(file, { throwIfNoEntry: false });
  if (status === undefined)
    throw invalidArgument(`failed to stat ${file}: stat ${file}: no such file or directory`);
  if (status.size > maxSecret) throw invalidArgument(`secret ${id} too big. max size 500KB`);
  return [id, () => readFileSync(file)];
}

/**
 * `--ssh default|<id>[=<socket>|<key>[,<key>]]`: the agent of this user, the one at a socket, or one that has keys of
 * files for as long as `owned`. Throws `invalidArgument`, `unavailable`.
 */
export async function parseAgent(text: string, owned: Cleanups): Promise<[id: string, socket: string]> {
  const [id = "", said] = text.split("=", 2);
  if (id === "") throw invalidArgument(`invalid ssh value ${JSON.stringify(text)}`);
  const paths = (said ?? process.env.SSH_AUTH_SOCK ?? "").split(",").filter((path) => path !== "");
  const [first] = paths;
  if (first === undefined)
    throw invalidArgument("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
  const missing = paths.find((path) => !existsSync(path));
  if (missing !== undefined) throw invalidArgument(`failed to open ${missing}: no such file or directory`);
  const sockets = paths.filter((path) => statSync(path).isSocket());
  if (sockets.length > 1) throw invalidArgument("only single socket allowed");
  if (sockets.length === 0) return [id, await (await import("./ssh-keys.ts")).agentWithKeys(paths, owned)];
  if (paths.length > 1) throw invalidArgument("invalid combination of keys and sockets");
  return [id, first];
}
