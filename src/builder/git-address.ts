import { invalidArgument } from "../base/errors.ts";

/** A git repository at some state, and a folder in it. */
export interface GitAddress {
  remote: string;
  /** A branch, a tag, a commit, or a full reference; "" for what the repository has at HEAD. */
  ref: string;
  /** From the root of the repository; "" for all of it. */
  folder: string;
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
 * Takes `<remote>[#<ref>[:<folder>]]` apart; `github.com/…` is short for `https://…`. Throws `invalidArgument` for what
 * git could take for an option, or that leads out of the repository.
 */
export function parseGitAddress(source: string): GitAddress {
  const hash = source.indexOf("#");
  const address = hash < 0 ? source : source.slice(0, hash);
  const fragment = hash < 0 ? "" : source.slice(hash + 1);
  const colon = fragment.indexOf(":");
  const ref = colon < 0 ? fragment : fragment.slice(0, colon);
  const folder = colon < 0 ? "" : fragment.slice(colon + 1).replace(/^\/+|\/+$/g, "");
  const remote = address.startsWith("github.com/") ? `https://${address}` : address;
  if (remote.startsWith("-") || ref.startsWith("-") || /[\s\0]/.test(remote + ref)) {
    throw invalidArgument(`invalid git repository: ${source}`);
  }
  if (folder.split("/").includes(".."))
    throw invalidArgument(`invalid folder of a git repository: ${folder}`);
  return { remote, ref, folder };
}
