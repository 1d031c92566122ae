import { type EngineError, invalidArgument } from "../../base/errors.ts";
import type { ProcessUser } from "../../oci/runtime-spec.ts";

/** The user databases of the container, as text (passwd(5), group(5)). */
export interface UserFiles {
  passwd(): string;
  group(): string;
}

export interface ResolvedUser extends ProcessUser {
  additionalGids: number[];
  /** `/` for a user that the container does not know. */
  home: string;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const maxId = 2 ** 31 - 1;
const number = /^[+-]?\d+$/;

function parseId(text: string): number | undefined {
  return number.test(text) ? Number(text) : undefined;
}

function checkRange(id: number): number {
  if (id < 0 || id > maxId) throw invalidArgument(`uids and gids must be in range 0-${maxId}`);
  return id;
}

function lines(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.trim().split(":"));
}

function passwdEntries(text: string): PasswdEntry[] {
  return lines(text).map(([name = "", , uid = "", gid = "", , home = ""]) => ({
    name,
    uid: parseId(uid) ?? 0,
    gid: parseId(gid) ?? 0,
    home,
  }));
}

function groupEntries(text: string): GroupEntry[] {
  return lines(text).map(([name = "", , gid = "", members = ""]) => ({
    name,
    gid: parseId(gid) ?? 0,
    members: members.split(",").filter((member) => member !== ""),
  }));
}

/**
 * The ids for `text` (`user`, `uid`, `user:group`, `uid:gid`; empty is root), looked up in the container's own files,
 * with the groups that the user is in and those of `--group-add`. A group named after the colon takes the place of all
 * of the user's own. Names that are not there are an error, numbers are not. Throws `invalidArgument`.
 */
export function resolveUser(text: string, groupAdd: readonly string[], files: UserFiles): ResolvedUser {
  const colon = text.indexOf(":");
  const userName = colon < 0 ? text : text.slice(0, colon);
  const groupName = colon < 0 ? "" : text.slice(colon + 1);
  const groups = lazily(() => groupEntries(files.group()));
  const user = findUser(userName, files);
  const gid = groupName === "" ? user.gid : findGroup(groupName, groups(), cannotFindGroup);
  const own = groupName === "" && user.name !== "" ? membership(user.name, groups()) : [];
  const added = groupAdd.map((name) => findGroup(name, groups(), cannotAddGroup));
  return {
    uid: user.uid,
    gid,
    // The first group is listed too: a process could drop it otherwise, and with it a "deny" for that group.
    additionalGids: [...new Set([gid, ...own, ...added])],
    home: user.home || "/",
  };
}

/** What a 32-bit number can say; the last one means nobody. */
const maxOwner = 2 ** 32 - 2;

/**
 * The owner that `--chown` of `COPY`, or `USER` for `WORKDIR`, names. As in BuildKit a name that the files do not have is
 * root's (a group's: the user's own), and a number is its own group: Dockerfiles that say a name which the base image
 * lacks build with Docker. `unknown` hears of such names.
 */
export function resolveOwner(
  text: string,
  files: UserFiles,
  unknown: (kind: "user" | "group", name: string) => void = () => {},
): { uid: number; gid: number } {
  const at = text.indexOf(":");
  const [userName, groupName] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  const id = ownerId(userName);
  const entry = () => passwdEntries(files.passwd()).find(({ name }) => name === userName);
  const user = id === undefined ? entry() : { uid: id, gid: id };
  if (user === undefined && userName !== "" && userName !== "root") unknown("user", userName);
  const { uid, gid } = user ?? { uid: 0, gid: 0 };
  if (groupName === "") return { uid, gid };
  const group = ownerId(groupName) ?? groupEntries(files.group()).find(({ name }) => name === groupName)?.gid;
  if (group === undefined && groupName !== "root") unknown("group", groupName);
  return { uid, gid: group ?? gid };
}

function ownerId(text: string): number | undefined {
  return /^\d+$/.test(text) && Number(text) <= maxOwner ? Number(text) : undefined;
}

function findUser(name: string, files: UserFiles): PasswdEntry {
  const id = name === "" ? 0 : parseId(name);
  const known = passwdEntries(files.passwd()).find(
    (entry) => (name !== "" && entry.name === name) || (id !== undefined && entry.uid === id),
  );
  if (known) {
    checkRange(known.uid);
    checkRange(known.gid);
    return known;
  }
  if (id === undefined) {
    throw invalidArgument(`unable to find user ${name}: no matching entries in passwd file`);
  }
  return { name: "", uid: checkRange(id), gid: 0, home: "/" };
}

const cannotFindGroup = (name: string) =>
  invalidArgument(`unable to find group ${name}: no matching entries in group file`);
const cannotAddGroup = (name: string) =>
  invalidArgument(`Unable to find group ${name}: no matching entries in group file`);

function findGroup(
  name: string,
  groups: readonly GroupEntry[],
  missing: (name: string) => EngineError,
): number {
  const id = parseId(name);
  const known = groups.find((entry) => entry.name === name || (id !== undefined && entry.gid === id));
  const gid = known?.gid ?? id;
  if (gid === undefined) throw missing(name);
  return checkRange(gid);
}

function membership(user: string, groups: readonly GroupEntry[]): number[] {
  return groups.filter((group) => group.members.includes(user)).map((group) => checkRange(group.gid));
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
