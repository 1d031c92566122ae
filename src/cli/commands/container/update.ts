import type { PortMap } from "../../../api/containers.ts";
import { messageOf, notImplemented } from "../../../base/errors.ts";
import { atLeast, command } from "../../command.ts";
import { parseRestartPolicy } from "../../container/create-request.ts";
import { bytesFlag, cpusFlag } from "../../container/flag-types.ts";
import { addPublished } from "../../container/ports.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";

const flags = {
  "blkio-weight": {
    ...flag.uint16("Share of disk input and output, from 10 to 1000 (0: not set)"),
    initialText: "0",
  },
  "cpu-period": flag.int("Length of a period of the fair scheduler in microseconds"),
  "cpu-quota": flag.int("Processor time in a period of the fair scheduler in microseconds"),
  "cpu-rt-period": flag.int("Length of a real-time period in microseconds", { since: "1.25" }),
  "cpu-rt-runtime": flag.int("Real-time processor time in a period in microseconds", { since: "1.25" }),
  "cpu-shares": flag.int("Share of processor time, against other containers", { short: "c" }),
  cpus: cpusFlag("Number of processors", { since: "1.29" }),
  "cpuset-cpus": flag.string("Processors to run on (0-3, 0,1)"),
  "cpuset-mems": flag.string("Memory nodes to use (0-3, 0,1)"),
  memory: bytesFlag("Most memory", { short: "m" }),
  "memory-reservation": bytesFlag("Memory to shrink to when the machine runs short"),
  "memory-swap": bytesFlag("Most memory and swap together: '-1' for any amount of swap", { minusOne: true }),
  "pids-limit": flag.int("Most processes (-1: any number)", { since: "1.40" }),
  "publish-add": flag.list("Publish a port, as with run's --publish, without a restart"),
  "publish-rm": flag.list("Publish a port no longer (8080:80, or 80/tcp for all of the container's port)"),
  restart: flag.string("When to start the container again after it ended"),
};

/** Undefined where nothing is given. Throws `invalidArgument` with the texts of `run --publish`. */
function published(given: readonly string[]): PortMap | undefined {
  if (given.length === 0) return undefined;
  const bindings: PortMap = {};
  for (const text of given) addPublished(bindings, text);
  return bindings;
}

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags, changed }) => {
    if (!Object.keys(flags).some((name) => changed(name as keyof typeof flags))) {
      throw new StatusError(1, "you must provide one or more flags when using this command");
    }
    const PublishAdd = published(flags["publish-add"]);
    const PublishRemove = published(flags["publish-rm"]);
    const client = await cli.client();
    const warnings: string[] = [];
    const errors: string[] = [];
    for (const id of args) {
      try {
        const body = {
          BlkioWeight: flags["blkio-weight"],
          CpusetCpus: flags["cpuset-cpus"],
          CpusetMems: flags["cpuset-mems"],
          CpuShares: flags["cpu-shares"],
          Memory: flags.memory,
          MemoryReservation: flags["memory-reservation"],
          MemorySwap: flags["memory-swap"],
          CpuPeriod: flags["cpu-period"],
          CpuQuota: flags["cpu-quota"],
          CpuRealtimePeriod: flags["cpu-rt-period"],
          CpuRealtimeRuntime: flags["cpu-rt-runtime"],
          NanoCpus: flags.cpus,
          ...(changed("pids-limit") ? { PidsLimit: flags["pids-limit"] } : {}),
          RestartPolicy: parseRestartPolicy(flags.restart),
          ...(PublishAdd && { PublishAdd }),
          ...(PublishRemove && { PublishRemove }),
        };
        const { Warnings, PortBindings } = await client.call("ContainerUpdate", { params: { id }, body });
        if ((PublishAdd || PublishRemove) && !PortBindings) {
          throw notImplemented(
            `the daemon cannot change the ports of container ${id}: it is not Longshore's`,
          );
        }
        cli.print(id);
        warnings.push(...(Warnings ?? []));
      } catch (error) {
        errors.push(messageOf(error));
      }
    }
    for (const warning of warnings) cli.print(warning);
    if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
    return 0;
  },
});
