import { booleanOf } from "../base/booleans.ts";
import { invalidArgument } from "../base/errors.ts";

/** A git repository at some state, and a folder in it. */
export interface GitAddress {
  remote: string;
  /** A branch, a tag, a commit, or a full reference; "" for what the repository has at HEAD. */
  ref: string;
  /** From the root of the repository; "" for all of it. */
  folder: string;
  /** The beginning of the commit that it has to be. */
  checksum?: string;
  /** Whether `.git` stays, where the address says so. */
  keepGitDir?: boolean;
  submodules: boolean;
}

/** `git@host:path`, as scp takes it. */
const scpForm = /^[\w.-]+@[\w.-]+:(?!\/\/)/;

/** True for the address of a git repository: `git@host:path`, `git://…`, `ssh://…`, or one that ends in `.git`. */
export function isGit(source: string): boolean {
  return (
    /^(git|ssh):\/\//i.test(source) ||
    scpForm.test(source) ||
    /^https?:\/\/[^#?]*\.git([#?].*)?$/i.test(source)
  );
}

/**
 * Takes `<remote>[?<query>][#<ref>[:<folder>]]` apart; `github.com/…` is short for `https://…`. The query has the parts by
 * name: `ref`, `branch`, `tag`, `subdir`, `checksum` (`commit`), `keep-git-dir`, `submodules`. Throws `invalidArgument` in
 * BuildKit's words, and for what git could take for an option, or that leads out of the repository.
 */
export function parseGitAddress(source: string): GitAddress {
  const [whole = "", fragment = ""] = cut(source, "#");
  const [address = "", query = ""] = cut(whole, "?");
  const [ref = "", folder = ""] = cut(fragment, ":");
  const remote = address.startsWith("github.com/") ? `https://${address}` : address;
  const found = withQuery({ remote, ref, folder: trimmed(folder), submodules: true }, query);
  if (remote.startsWith("-") || found.ref.startsWith("-") || /[\s\0]/.test(remote + found.ref)) {
    throw invalidArgument(`invalid git repository: ${source}`);
  }
  if (found.folder.split("/").includes(".."))
    throw invalidArgument(`invalid folder of a git repository: ${found.folder}`);
  return found;
}

/** What is before the first `separator`, and what is behind it. */
function cut(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

const trimmed = (folder: string) => folder.replace(/^\/+|\/+$/g, "");

function withQuery(address: GitAddress, query: string): GitAddress {
  const found = { ...address };
  const parameters = new URLSearchParams(query);
  for (const name of new Set(parameters.keys())) {
    const [value = "", ...more] = parameters.getAll(name);
    if (more.length > 0) throw invalidArgument(`query ${JSON.stringify(name)} has multiple values`);
    if (name === "keep-git-dir") found.keepGitDir = flagOf(name, value);
    else if (name === "submodules") found.submodules = flagOf(name, value);
    else if (!valued.has(name)) throw invalidArgument(`unexpected query ${JSON.stringify(name)}`);
    else if (value === "") throw invalidArgument(`query ${JSON.stringify(name)} has no value`);
  }
  const agreed = (what: string, one: string, other: string) => {
    if (one !== "" && other !== "" && one !== other) {
      throw invalidArgument(`${what} conflicts: ${JSON.stringify(one)} vs ${JSON.stringify(other)}`);
    }
    return one || other;
  };
  const said = (name: string) => parameters.get(name) ?? "";
  const [tag, branch] = [within("refs/tags/", said("tag")), within("refs/heads/", said("branch"))];
  if (tag !== "" && branch !== "") throw invalidArgument("branch conflicts with tag");
  found.ref = agreed("ref", agreed("ref", found.ref, said("ref")), tag || branch);
  found.folder = agreed("subdir", found.folder, trimmed(said("subdir")));
  const checksum = agreed("checksum", said("checksum"), said("commit"));
  if (checksum !== "") found.checksum = checksum;
  return found;
}

const valued = new Set(["ref", "branch", "tag", "subdir", "checksum", "commit"]);

const within = (prefix: string, name: string) =>
  name === "" || name.startsWith(prefix) ? name : prefix + name;

function flagOf(name: string, value: string): boolean {
  const flag = value === "" ? true : booleanOf(value);
  if (flag !== undefined) return flag;
  throw invalidArgument(`invalid ${name} value: ${JSON.stringify(value)}`);
}
