import type {
  ContainerUpdateRequest,
  ContainerUpdateResponse,
  Resources,
  RestartPolicy,
} from "../api/containers.ts";
import { conflict, internal, invalidArgument, isEngineError, messageOf } from "../base/errors.ts";
import { checkRestartPolicy } from "./check-config.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { checkResources } from "./spec/check-resources.ts";
import { updatedResources } from "./spec/resources.ts";
import { updatePorts } from "./update-ports.ts";

/** What `docker update` can change. */
const numbers = [
  "BlkioWeight",
  "CpuShares",
  "NanoCpus",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "Memory",
  "MemorySwap",
  "MemoryReservation",
] as const;
const texts = ["CpusetCpus", "CpusetMems"] as const;

/** `docker update`: the warnings. Throws `invalidArgument`, `conflict` for a container that is going. */
export function updateContainer(
  deps: ContainerDeps,
  container: Container,
  request: ContainerUpdateRequest,
): Promise<ContainerUpdateResponse> {
  return deps.turns.run(container.id, async () => {
    const { RestartPolicy: policy, PublishAdd: add, PublishRemove: remove, ...asked } = request;
    const checked = checkResources(asked, deps.cgroupFeatures, { update: true });
    const { status } = container.state;
    if (status === "removing" || status === "dead" || !deps.set.get(container.id)) {
      throw conflict(
        `Cannot update container ${container.id}: Container is marked for removal and cannot be "update".`,
      );
    }
    const before = container.spec.hostConfig;
    const changed = changedResources(container, checked.value);
    const value = { ...before, ...changed };
    const hostConfig = { ...value, ...restartPolicy(container, policy) };
    const ports =
      add || remove
        ? await updatePorts(deps, container, { add: add ?? {}, remove: remove ?? {} })
        : undefined;
    if (isRunning(container) && status !== "restarting" && Object.keys(changed).length > 0) {
      try {
        await apply(deps, container, onlyChanged(value, changed));
      } catch (error) {
        await ports?.undo();
        throw error;
      }
    }
    const spec = ports?.spec ?? container.spec;
    const { PortBindings } = spec.hostConfig;
    container.spec = { ...spec, hostConfig: { ...hostConfig, PortBindings } };
    deps.set.saveSpec(container);
    deps.events("update", container, {});
    return { Warnings: checked.warnings, ...(ports && { PortBindings: PortBindings ?? {} }) };
  });
}

/** What is asked for and not what it is already; 0 and "" mean "leave it". Throws `invalidArgument` where it does not go with the rest. */
function changedResources({ id, spec }: Container, asked: Resources): Resources {
  const before = spec.hostConfig;
  const changed: Resources = {};
  for (const name of numbers) if (asked[name]) changed[name] = asked[name];
  for (const name of texts) if (asked[name]) changed[name] = asked[name];
  // Whatever is not a limit takes the limit away.
  if (typeof asked.PidsLimit === "number") changed.PidsLimit = Math.max(0, asked.PidsLimit);
  const refuse = (why: string) => invalidArgument(`Cannot update container ${id}: ${why}`);
  const conflicting = conflictingCpu(before, changed);
  if (conflicting) throw refuse(`Conflicting options: ${conflicting}`);
  const { Memory: memory = 0, MemorySwap: swap = 0 } = changed;
  if (memory > 0 && swap === 0 && memory > (before.MemorySwap ?? 0)) {
    throw refuse(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
  return changed;
}

/** What the runtime has to be told: what has changed, with what only goes together. */
function onlyChanged(whole: Resources, changed: Resources): Resources {
  const names = new Set(Object.keys(changed));
  if (names.has("Memory")) names.add("MemorySwap");
  return Object.fromEntries(Object.entries(whole).filter(([name]) => names.has(name)));
}

function conflictingCpu(before: Resources, changed: Resources): string | undefined {
  const conflicts: [keyof Resources, keyof Resources, string][] = [
    ["NanoCpus", "CpuPeriod", "CPU Period cannot be updated as NanoCPUs has already been set"],
    ["NanoCpus", "CpuQuota", "CPU Quota cannot be updated as NanoCPUs has already been set"],
    ["CpuPeriod", "NanoCpus", "Nano CPUs cannot be updated as CPU Period has already been set"],
    ["CpuQuota", "NanoCpus", "Nano CPUs cannot be updated as CPU Quota has already been set"],
  ];
  return conflicts.find(([has, wants]) => before[has] && changed[wants])?.[2];
}

function restartPolicy({ id, spec }: Container, policy?: RestartPolicy): { RestartPolicy?: RestartPolicy } {
  if (!policy?.Name) return {};
  if (spec.hostConfig.AutoRemove && policy.Name !== "no") {
    const why = "Restart policy cannot be updated because AutoRemove is enabled for the container";
    throw invalidArgument(`Cannot update container ${id}: ${why}`);
  }
  checkRestartPolicy({ RestartPolicy: policy });
  return { RestartPolicy: { Name: policy.Name, MaximumRetryCount: policy.MaximumRetryCount ?? 0 } };
}

async function apply(deps: ContainerDeps, container: Container, resources: Resources): Promise<void> {
  try {
    await deps.supervisor.update(container.id, updatedResources(resources));
  } catch (error) {
    const make = isEngineError(error, "conflict") ? conflict : internal;
    const what = `Cannot update container ${container.id}: `;
    throw make(what + messageOf(error).replace(what, ""), error);
  }
}
