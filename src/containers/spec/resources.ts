import { statSync } from "node:fs";
import type { Resources, ThrottleDevice } from "../../api/host-config.ts";
import { errnoOf, invalidArgument, messageOf } from "../../base/errors.ts";
import type {
  BlockIoResources,
  CpuResources,
  LinuxResources,
  MemoryResources,
  ThrottleDeviceSpec,
} from "../../oci/runtime-spec.ts";

/** Docker spreads `--cpus` over periods of 100 ms. */
const period = 100_000;

/** `object` without its undefined values, or undefined when none is left. */
function some<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T | undefined {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return entries.length > 0 ? (Object.fromEntries(entries) as T) : undefined;
}

/** Zero means "not asked for" in the Engine API. */
const asked = (value: number | null | undefined) => (value ? value : undefined);

function memory(resources: Resources): MemoryResources | undefined {
  const { MemorySwappiness: swappiness } = resources;
  return some<MemoryResources>({
    limit: asked(resources.Memory),
    reservation: asked(resources.MemoryReservation),
    swap: asked(resources.MemorySwap),
    swappiness: swappiness === null || swappiness === -1 ? undefined : swappiness,
    disableOOMKiller: resources.OomKillDisable ? true : undefined,
  });
}

function cpu(resources: Resources): CpuResources | undefined {
  const nano = asked(resources.NanoCpus);
  return some<CpuResources>({
    shares: asked(resources.CpuShares),
    quota: nano === undefined ? asked(resources.CpuQuota) : Math.floor((nano * period) / 1e9),
    period: nano === undefined ? asked(resources.CpuPeriod) : period,
    realtimeRuntime: asked(resources.CpuRealtimeRuntime),
    realtimePeriod: asked(resources.CpuRealtimePeriod),
    cpus: resources.CpusetCpus || undefined,
    mems: resources.CpusetMems || undefined,
  });
}

/** The numbers of the block device at `path`. Throws `invalidArgument` when there is none. */
function blockDevice(path: string): { major: number; minor: number } {
  try {
    const { rdev } = statSync(path);
    return { major: (rdev >> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >> 12) & 0xfff00) };
  } catch (error) {
    const why = errnoOf(error) === "ENOENT" ? "no such file or directory" : messageOf(error);
    throw invalidArgument(`stat ${path}: ${why}`);
  }
}

function throttles(devices: readonly ThrottleDevice[] | undefined): ThrottleDeviceSpec[] | undefined {
  if (!devices?.length) return undefined;
  return devices.map(({ Path = "", Rate = 0 }) => ({ ...blockDevice(Path), rate: Rate }));
}

function blockIo(resources: Resources): BlockIoResources | undefined {
  const weights = resources.BlkioWeightDevice ?? [];
  return some<BlockIoResources>({
    weight: asked(resources.BlkioWeight),
    weightDevice:
      weights.length > 0
        ? weights.map(({ Path = "", Weight = 0 }) => ({ ...blockDevice(Path), weight: Weight }))
        : undefined,
    throttleReadBpsDevice: throttles(resources.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(resources.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(resources.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(resources.BlkioDeviceWriteIOps),
  });
}

/** Limits in the runtime's form, but for the devices. What was not asked for is left out: the cgroup's own default. */
export function containerResources(resources: Resources): LinuxResources {
  const pids = resources.PidsLimit ?? 0;
  return (
    some<LinuxResources>({
      devices: undefined,
      memory: memory(resources),
      cpu: cpu(resources),
      pids: pids > 0 ? { limit: pids } : undefined,
      blockIO: blockIo(resources),
    }) ?? {}
  );
}

/** As many processes as the kernel can have (PID_MAX_LIMIT): crun cannot write "max" over a limit. */
const allPids = 4 * 1024 * 1024;

/** The same for `docker update`, where -1 takes a limit of processes away again. */
export function updatedResources(resources: Resources): LinuxResources {
  const pids = resources.PidsLimit;
  const rest = containerResources(resources);
  return pids === null || pids === undefined ? rest : { ...rest, pids: { limit: pids > 0 ? pids : allPids } };
}
