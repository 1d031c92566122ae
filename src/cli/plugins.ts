import { accessSync, constants } from "node:fs";
import type { Cli } from "./cli.ts";

const systemFolders = [
  "/usr/local/lib/docker/cli-plugins",
  "/usr/local/libexec/docker/cli-plugins",
  "/usr/lib/docker/cli-plugins",
  "/usr/libexec/docker/cli-plugins",
];

function pluginPath(cli: Cli, name: string): string | undefined {
  const folders = [
    ...(cli.config.cliPluginsExtraDirs ?? []),
    `${cli.configFolder}/cli-plugins`,
    ...systemFolders,
  ];
  return folders
    .map((folder) => `${folder}/docker-${name}`)
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        // Not there, or not ours to run: look on.
        return false;
      }
    });
}

/**
 * Runs a plugin (`docker compose`, `docker buildx`) with the whole command line, on this process's streams.
 * Resolves to its exit code, or to undefined when there is none of that name.
 */
export async function runPlugin(
  cli: Cli,
  name: string,
  argv: readonly string[],
): Promise<number | undefined> {
  if (!/^[a-z][a-z0-9]*$/.test(name)) return undefined;
  const path = pluginPath(cli, name);
  if (path === undefined) return undefined;
  const child = Bun.spawn([path, ...argv], {
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
    env: { ...process.env, DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: process.argv0 },
  });
  // A Ctrl-C reaches the plugin by the terminal; it decides what to do, and this process waits.
  for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const)
    process.on(signal, () => child.kill(signal));
  return await child.exited;
}
