import { invalidArgument } from "../../../base/errors.ts";
import { callOf } from "../../build/call.ts";
import { buildFlags } from "../../build/flags.ts";
import type { Cli } from "../../cli.ts";
import { command, exactly } from "../../command.ts";

/** Whether to speak BuildKit's protocol: as the variable says, or else as the daemon wants it. */
async function usesBuildkit(cli: Cli): Promise<boolean> {
  const said = process.env.DOCKER_BUILDKIT;
  if (said) {
    if (/^(1|t|true)$/i.test(said)) return true;
    if (/^(0|f|false)$/i.test(said)) return false;
    throw invalidArgument(`DOCKER_BUILDKIT environment variable expects boolean value: ${said}`);
  }
  const client = await cli.client();
  return (await client.ping())["builder-version"] === "2";
}

export default command<typeof buildFlags>({
  usage: "[OPTIONS] PATH | URL | -",
  args: exactly(1),
  flags: buildFlags,
  run: async (cli, { args, flags }) => {
    if (flags.isolation !== "" && flags.isolation !== "default") {
      throw invalidArgument(`invalid isolation (${flags.isolation}) in build: linux supports only 'default'`);
    }
    const call = callOf(flags.call, flags.check);
    // Loaded while the daemon is asked: it is what is going to be used.
    const modern = import("../../build/modern.ts");
    if (call !== undefined || (!flags.squash && (await usesBuildkit(cli)))) {
      const { buildModern } = await modern;
      return await buildModern(cli, args[0] ?? "", flags, call);
    } else {
      const { buildClassic } = await import("../../build/classic.ts");
      await buildClassic(cli, args[0] ?? "", flags);
    }
    return 0;
  },
});
