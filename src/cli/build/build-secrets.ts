import { existsSync, readFileSync, statSync } from "node:fs";
import { parseCsvRecord } from "../../base/csv.ts";
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

/** `--ssh default|<id>[=<socket>]`: the agent of this user, or the one at a socket. Throws `invalidArgument`. */
export function parseAgent(text: string): [id: string, socket: string] {
  const [id = "", path] = text.split("=", 2);
  if (id === "") throw invalidArgument(`invalid ssh value ${JSON.stringify(text)}`);
  const socket = path ?? process.env.SSH_AUTH_SOCK ?? "";
  if (socket === "") throw invalidArgument("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
  if (!existsSync(socket)) throw invalidArgument(`failed to open ${socket}: no such file or directory`);
  if (!statSync(socket).isSocket()) {
    throw invalidArgument(
      `${socket} is no socket of an agent: add the key to an agent (ssh-add), and give its socket`,
    );
  }
  return [id, socket];
}
