import { existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { invalidArgument, unavailable } from "../base/errors.ts";
import { run } from "../linux/spawn.ts";
import type { GitAddress } from "./git-address.ts";

export interface CheckedOut {
  /** The files: of the folder that was asked for. */
  directory: string;
  commit: string;
}

export interface GitOptions {
  /** An empty folder that is the caller's to remove. */
  folder: string;
  /** Whether `.git` stays, where the address does not say. */
  keepGitDir: boolean;
  signal: AbortSignal;
}

/** Neither settings nor hooks of the host or of the repository count, and no repository of the host can be read. */
const settings = Object.entries({
  "advice.detachedHead": "false",
  "core.fsmonitor": "false",
  "core.hooksPath": "/dev/null",
  "credential.helper": "",
  "fetch.recurseSubmodules": "false",
  "init.defaultBranch": "main",
  "init.templateDir": "",
  "protocol.ext.allow": "never",
  "protocol.file.allow": "never",
}).flatMap(([name, value]) => ["-c", `${name}=${value}`]);

const commitForm = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/**
 * Gets one state of a repository with the host's `git`, and its submodules. Throws `unavailable` where there is no
 * `git` or the repository cannot be had, `invalidArgument` for a folder that is not there, or another commit than the
 * address's checksum says.
 */
export async function checkOut(
  { remote, ref, folder, checksum, submodules, keepGitDir }: GitAddress,
  options: GitOptions,
): Promise<CheckedOut> {
  if (checksum !== undefined && !/^[0-9a-f]+$/.test(checksum)) {
    throw invalidArgument(`invalid checksum ${checksum} for Git URL, expected hex commit hash`);
  }
  const git = new Git(remote, options);
  const files = join(options.folder, "files");
  await git.must(["init", "--quiet", files]);
  await git.fetch(files, ref);
  await git.must(["-C", files, "checkout", "--quiet", "--force", "FETCH_HEAD"]);
  const commit = (await git.must(["-C", files, "rev-parse", "HEAD"])).trim();
  if (checksum !== undefined && !commit.startsWith(checksum)) {
    throw invalidArgument(`expected checksum to match ${checksum}, got ${commit}`);
  }
  if (submodules && existsSync(join(files, ".gitmodules"))) {
    await git.must(["-C", files, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"]);
  }
  if (!(keepGitDir ?? options.keepGitDir)) rmSync(join(files, ".git"), { recursive: true, force: true });
  return { directory: folderIn(files, folder), commit };
}

/** A folder of the repository, which no link of the repository leads away from. */
function folderIn(files: string, folder: string): string {
  const path = join(files, folder);
  const inside = existsSync(path) && `${realpathSync(path)}/`.startsWith(`${realpathSync(files)}/`);
  if (!inside) throw invalidArgument(`failed to resolve folder ${folder}: no such folder in the repository`);
  return path;
}

class Git {
  readonly #program: string;
  readonly #remote: string;
  readonly #home: string;
  readonly #signal: AbortSignal;

  constructor(remote: string, { folder, signal }: GitOptions) {
    const program = Bun.which("git");
    if (program === null) {
      throw unavailable(`cannot get ${remote}: git is not installed on the host of the daemon`);
    }
    this.#program = program;
    this.#remote = remote;
    this.#signal = signal;
    this.#home = join(folder, "home");
    mkdirSync(this.#home, { mode: 0o700 });
  }

  /** One commit where the server gives it, else all that lead to it. */
  async fetch(files: string, ref: string): Promise<void> {
    const fetch = ["-C", files, "fetch", "--quiet", "--no-tags", "--force"];
    const wanted = ref === "" ? "HEAD" : ref;
    const shallow = await this.#run([...fetch, "--depth=1", "--", this.#remote, wanted]);
    if (shallow.exitCode === 0) return;
    // A server of plain files has no other way than all of it.
    const whole = /shallow/.test(shallow.stderr) && (await this.#run([...fetch, "--", this.#remote, wanted]));
    if (whole && whole.exitCode === 0) return;
    if (!commitForm.test(ref) && !/^[0-9a-f]{7,}$/.test(ref)) throw this.#failed(shallow.stderr);
    // Servers need not give a commit by its name.
    await this.must([...fetch, "--", this.#remote, "+refs/*:refs/remotes/origin/*"]);
    const commit = (await this.must(["-C", files, "rev-parse", "--verify", `${ref}^{commit}`])).trim();
    await this.must(["-C", files, "update-ref", "FETCH_HEAD", commit]);
  }

  async must(words: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#run(words);
    if (exitCode !== 0) throw this.#failed(stderr);
    return stdout;
  }

  async #run(words: readonly string[]) {
    const result = await run([this.#program, ...settings, ...words], {
      stdout: "pipe",
      stderr: "pipe",
      signal: this.#signal,
      env: {
        PATH: process.env.PATH ?? "/usr/bin:/bin",
        HOME: this.#home,
        GIT_ALLOW_PROTOCOL: "git:http:https:ssh",
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_TERMINAL_PROMPT: "0",
        GIT_SSH_COMMAND: "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new",
        LC_ALL: "C",
      },
    });
    this.#signal.throwIfAborted();
    return result;
  }

  #failed(stderr: string): Error {
    const why = stderr.trim().split("\n").slice(-3).join(" ");
    return unavailable(`failed to load ${this.#remote}: ${why.replace(/\/\/[^/@\s]+@/g, "//")}`);
  }
}
