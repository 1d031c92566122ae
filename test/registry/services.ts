/** The other programs that a registry works with, each with a folder and a port of its own. */
import { chownSync, existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "../../src/base/async.ts";
import type { S3Options } from "../../src/registry/storage/s3.ts";
import { freePort } from "../harness/registry.ts";

const postgresFolder = "/usr/lib/postgresql";

/** The newest PostgreSQL of Debian's packages, or undefined. */
function postgresPrograms(): string | undefined {
  const found = [...new Bun.Glob("*/bin/postgres").scanSync({ cwd: postgresFolder })].sort().at(-1);
  return found && join(postgresFolder, found, "..");
}

export const hasPostgres = postgresPrograms() !== undefined;

/** A PostgreSQL server with nothing in it. */
export async function startPostgres() {
  const programs = postgresPrograms() ?? "";
  const folder = await mkdtemp("/tmp/registry-postgres-");
  const { uid, gid } = await account("postgres");
  chownSync(folder, uid, gid);
  const data = join(folder, "data");
  const init = Bun.spawn(
    [join(programs, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"],
    {
      stdout: "ignore",
      stderr: "ignore",
      cwd: folder,
      uid,
      gid,
    } as never,
  );
  if ((await init.exited) !== 0) throw new Error("initdb failed");
  const port = await freePort();
  const argv = [
    "-D",
    data,
    "-p",
    String(port),
    "-k",
    folder,
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "fsync=off",
  ];
  const child = Bun.spawn([join(programs, "postgres"), ...argv], {
    stdout: "ignore",
    stderr: "ignore",
    cwd: folder,
    uid,
    gid,
  } as never);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await answering(url);
  return { url, [Symbol.asyncDispose]: () => end(child, "SIGINT", folder) };
}

async function account(name: string): Promise<{ uid: number; gid: number }> {
  const line = (await Bun.file("/etc/passwd").text()).split("\n").find((one) => one.startsWith(`${name}:`));
  const [, , uid, gid] = (line ?? "").split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

async function answering(url: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const sql = new Bun.SQL(url, { max: 1 });
    try {
      await sql.unsafe("SELECT 1");
      return;
    } catch (error) {
      if (attempt > 200) throw error;
      await sleep(50);
    } finally {
      await sql.close();
    }
  }
}

async function end(child: Bun.Subprocess, signal: "SIGINT" | "SIGTERM", folder: string): Promise<void> {
  child.kill(signal);
  await child.exited;
  await rm(folder, { recursive: true, force: true });
}

/** s3rver, a server that speaks S3, checks signatures, and keeps a bucket in a folder (its package is beside this file). */
const s3Server = join(import.meta.dirname, "s3-server");

export const hasS3 = existsSync(join(s3Server, "node_modules/@20minutes/s3rver"));

/** An S3 server with one empty bucket. */
export async function startS3() {
  const folder = await mkdtemp("/tmp/registry-s3-");
  const port = await freePort();
  const options: S3Options = {
    bucket: "registry",
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    accessKeyId: "S3RVER",
    secretAccessKey: "S3RVER",
    prefix: "company/",
  };
  const argv = ["node", join(s3Server, "main.mjs"), folder, String(port), options.bucket];
  const child = Bun.spawn(argv, { stdout: "ignore", stderr: "ignore", cwd: folder });
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(options.endpoint ?? "").catch(() => undefined);
    await answer?.body?.cancel();
    if (answer) break;
    if (attempt > 200 || child.exitCode !== null) throw new Error("the S3 server does not answer");
    await sleep(50);
  }
  return { options, [Symbol.asyncDispose]: () => end(child, "SIGTERM", folder) };
}
