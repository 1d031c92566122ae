import { appendFileSync, readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { dirname } from "node:path";
import { errnoOf, internal, invalidArgument, messageOf, unavailable } from "../base/errors.ts";
import { cloneMount } from "../linux/detached-mount.ts";
import { closeFd, openFlags, openPath } from "../linux/file-at.ts";
import { kernelAtLeast } from "../linux/kernel-release.ts";
import {
  type IdExtent,
  type IdMaps,
  openUserNamespace,
  type RemappedIds,
  withMaker,
} from "../linux/user-namespace.ts";

/** What `--userns-remap` means on this host. */
export interface UserRemap extends RemappedIds {
  /** The host's ids of the containers' root. */
  root: { uid: number; gid: number };
}

/** The text of the host's user database, each of the form of passwd(5), group(5), subuid(5) and subgid(5). */
export interface UserDatabase {
  passwd: string;
  group: string;
  subuid: string;
  subgid: string;
}

const defaultUser = "dockremap";

function readDatabase(): UserDatabase {
  return {
    passwd: textOf("/etc/passwd"),
    group: textOf("/etc/group"),
    subuid: textOf("/etc/subuid"),
    subgid: textOf("/etc/subgid"),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}

/**
 * The ids that containers get by `--userns-remap` (`default`, `user[:group]`, `uid[:gid]`); undefined where it is empty
 * or means root, which stays what it is. For `default` the user `dockremap` is made where it is missing, with the next
 * free range of ids. Throws `invalidArgument` with Docker's words.
 */
export function openUserRemap(setting: string): (UserRemap & Disposable) | undefined {
  if (setting === "") return undefined;
  if (setting === "default") makeDefaultUser(readDatabase());
  const maps = parseUserRemap(setting, readDatabase());
  if (!maps) return undefined;
  const namespace = openUserNamespace(withMaker(maps));
  const root = { uid: maps.uids[0]?.outside ?? 0, gid: maps.gids[0]?.outside ?? 0 };
  return { ...maps, root, namespace, [Symbol.dispose]: () => namespace[Symbol.dispose]() };
}

/**
 * Checks that containers with these ids can live below the roots. Throws `invalidArgument` with Docker's words where they
 * cannot get in, `unavailable` where the kernel or the file system cannot show them other owners.
 */
export function checkRemap({ root, namespace }: UserRemap, { dataRoot, execRoot }: RootFolders): void {
  for (const folder of [dataRoot, execRoot]) {
    if (!mayEnter(folder, root)) {
      throw invalidArgument(
        `A subdirectory in your graphroot path (${folder}) restricts access to the remapped root uid/gid; please fix by allowing 'o+x' permissions on existing directories.`,
      );
    }
  }
  if (!kernelAtLeast(release(), "5.19")) {
    throw unavailable("--userns-remap needs Linux 5.19: overlays take no ID-mapped layers before");
  }
  const fd = openPath(Buffer.from(dataRoot).toString("latin1"), openFlags.path | openFlags.directory);
  try {
    using mount = cloneMount(fd, false);
    mount.mapOwners(namespace, dataRoot);
  } catch (error) {
    throw unavailable(`--userns-remap needs another data root: ${messageOf(error)}`, error);
  } finally {
    closeFd(fd);
  }
}

interface RootFolders {
  dataRoot: string;
  execRoot: string;
}

/** Whether somebody may go through a folder and all above it. */
function mayEnter(folder: string, { uid, gid }: UserRemap["root"]): boolean {
  const status = statSync(folder);
  const bit = status.uid === uid ? 0o100 : status.gid === gid ? 0o010 : 0o001;
  const parent = dirname(folder);
  return (status.mode & bit) !== 0 && (parent === folder || mayEnter(parent, { uid, gid }));
}

/** What the setting means with a user database. */
export function parseUserRemap(setting: string, database: UserDatabase): IdMaps | undefined {
  const { user, group } = namesOf(setting, database);
  if (user === "root") return undefined;
  const uids = rangesOf(database.subuid, user, idOf(database.passwd, user));
  const gids = rangesOf(database.subgid, group, idOf(database.group, group));
  const refuse = (file: string, kind: string, name: string) =>
    invalidArgument(`Can't create ID mappings: no ${file} ranges found for ${kind} ${JSON.stringify(name)}`);
  if (uids.length === 0) throw refuse("subuid", "user", user);
  if (gids.length === 0) throw refuse("subgid", "group", group);
  return { uids, gids };
}

function namesOf(setting: string, { passwd, group }: UserDatabase): { user: string; group: string } {
  const [first = "", second, ...rest] = setting.split(":");
  if (rest.length > 0 || first === "" || second === "") {
    throw invalidArgument(`Invalid user/group specification in --userns-remap: ${JSON.stringify(setting)}`);
  }
  const asked = first === "default" ? defaultUser : first;
  const user = find(passwd, asked);
  if (user === undefined) {
    throw invalidArgument(
      isNumber(asked)
        ? `Uid ${asked} has no entry in /etc/passwd: no matching entries in passwd file`
        : `Error during uid lookup for ${JSON.stringify(asked)}: no matching entries in passwd file`,
    );
  }
  const wanted = second ?? asked;
  const found = find(group, wanted);
  if (found === undefined) {
    throw invalidArgument(
      isNumber(wanted)
        ? `Gid ${wanted} has no entry in /etc/group: no matching entries in group file`
        : `Error during gid lookup for ${JSON.stringify(wanted)}: no matching entries in group file`,
    );
  }
  return { user, group: found };
}

const isNumber = (text: string) => /^\d{1,10}$/.test(text);
const fieldsOf = (text: string) => text.split("\n").map((line) => line.trim().split(":"));

/** The name of a user or group that is given by name or number. */
function find(database: string, wanted: string): string | undefined {
  return fieldsOf(database).find(
    ([name = "", , id]) => name !== "" && (isNumber(wanted) ? id === wanted : name === wanted),
  )?.[0];
}

function idOf(database: string, name: string): string | undefined {
  return fieldsOf(database).find((fields) => fields[0] === name)?.[2];
}

/** The container's ids from 0 on, one range of the host after another, as subuid(5) gives them to a name or a number. */
function rangesOf(text: string, name: string, id: string | undefined): IdExtent[] {
  const ranges = fieldsOf(text)
    .filter(([owner]) => owner !== undefined && owner !== "" && (owner === name || owner === id))
    .map(([, start, count]) => ({ start: Number(start), count: Number(count) }))
    .filter(({ start, count }) => Number.isSafeInteger(start) && start > 0 && count > 0)
    .sort((a, b) => a.start - b.start);
  let inside = 0;
  return ranges.map(({ start, count }) => {
    const extent = { inside, outside: start, count };
    inside += count;
    return extent;
  });
}

const rangeSize = 65536;
const firstRange = 100000;

/** Where the next range of ids begins that nobody has. */
function nextFreeRange(text: string): number {
  const ends = fieldsOf(text).map(([, start, count]) => Number(start) + Number(count));
  return Math.max(firstRange, ...ends.filter((end) => Number.isSafeInteger(end)));
}

function makeDefaultUser({ passwd, subuid, subgid }: UserDatabase): void {
  if (find(passwd, defaultUser) === undefined) {
    const command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false"];
    const { exitCode, stderr } = Bun.spawnSync([...command, defaultUser], { stdout: "ignore" });
    if (exitCode !== 0) {
      throw internal(`Error during "${defaultUser}" user creation: ${stderr.toString().trim()}`);
    }
  }
  for (const [path, text] of [
    ["/etc/subuid", subuid],
    ["/etc/subgid", subgid],
  ] as const) {
    const known = textOf(path);
    if (fieldsOf(known).some(([owner]) => owner === defaultUser)) continue;
    const lineEnd = known === "" || known.endsWith("\n") ? "" : "\n";
    appendFileSync(path, `${lineEnd}${defaultUser}:${nextFreeRange(text)}:${rangeSize}\n`);
  }
}
