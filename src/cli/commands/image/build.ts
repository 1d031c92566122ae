import { invalidArgument } from "../../../base/errors.ts";
import { buildArgs, buildFlags } from "../../build/flags.ts";
import type { Cli } from "../../cli.ts";
import { command, exactly } from "../../command.ts";
import { standardInput } from "../../input-stream.ts";

/** Whether to speak BuildKit's protocol: as the variable says, or else as the daemon wants it. */
async function usesBuildkit(cli: Cli): Promise<boolean> {
  const said = process.env.DOCKER_BUILDKIT;
  if (said) {
    if (/^(1|t|true)$/i.test(said)) return true;
    if (/^(0|f|false)$/i.test(said)) return false;
    throw invalidArgument(`DOCKER_BUILDKIT environment variable expects boolean value: ${said}`);
  }
  const client = await cli.client();
  return (await client.callHead("SystemPingHead"))["builder-version"] === "2";
}

export default command<typeof buildFlags>({
  usage: "[OPTIONS] PATH | URL | -",
  args: exactly(1),
  flags: buildFlags,
  run: async (cli, { args, flags }) => {
    if (flags.isolation !== "" && flags.isolation !== "default") {
      throw invalidArgument(`invalid isolation (${flags.isolation}) in build: linux supports only 'default'`);
    }
    const client = await cli.client();
    if (flags.check) {
      const request = {
        context: args[0] ?? "",
        file: flags.file,
        args: new Map(Object.entries(buildArgs(flags["build-arg"], cli))),
        target: flags.target,
        platform: flags.platform,
      };
      const { checkBuild } = await import("../../build/check.ts");
      const { report, sound } = await checkBuild(client, request, standardInput);
      cli.out.write(report);
      return sound ? 0 : 1;
    }
    // Loaded while the daemon is asked: it is what is going to be used.
    const modern = import("../../build/modern.ts");
    if (!flags.squash && (await usesBuildkit(cli))) {
      const { buildModern } = await modern;
      await buildModern(cli, args[0] ?? "", flags);
    } else {
      const { buildClassic } = await import("../../build/classic.ts");
      await buildClassic(cli, args[0] ?? "", flags);
    }
    return 0;
  },
});
