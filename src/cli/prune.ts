import type { Filters } from "../api/operation.ts";
import type { Client } from "../client/client.ts";

/** What a prune removed, as the lines that are shown for it, and the bytes that it freed. */
export interface Pruned {
  readonly lines: readonly string[];
  readonly bytes: number;
}

const listed = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [title, ...items, ""];

/** Removes containers that are not running. */
export async function pruneContainers(client: Client, filters: Filters): Promise<Pruned> {
  const report = await client.call("ContainerPrune", { query: { filters } });
  return {
    lines: listed("Deleted Containers:", report.ContainersDeleted ?? []),
    bytes: report.SpaceReclaimed,
  };
}

/** Removes images without a name, or, with `all`, those that no container uses. */
export async function pruneImages(client: Client, filters: Filters, all: boolean): Promise<Pruned> {
  const report = await client.call("ImagePrune", {
    query: { filters: { ...filters, dangling: [all ? "false" : "true"] } },
  });
  const items = (report.ImagesDeleted ?? []).map(({ Deleted, Untagged }) =>
    Untagged ? `untagged: ${Untagged}` : `deleted: ${Deleted}`,
  );
  return { lines: listed("Deleted Images:", items), bytes: report.SpaceReclaimed };
}

/** Removes networks that no container is connected to. */
export async function pruneNetworks(client: Client, filters: Filters): Promise<Pruned> {
  const report = await client.call("NetworkPrune", { query: { filters } });
  return { lines: listed("Deleted Networks:", report.NetworksDeleted ?? []), bytes: 0 };
}

/** Removes anonymous volumes that no container uses, or, with `all`, named ones too. */
export async function pruneVolumes(client: Client, filters: Filters): Promise<Pruned> {
  const report = await client.call("VolumePrune", { query: { filters } });
  return { lines: listed("Deleted Volumes:", report.VolumesDeleted ?? []), bytes: report.SpaceReclaimed };
}

/** Removes the builder's cache that nothing uses, or, with `all`, all of it. Nothing from daemons without one. */
export async function pruneBuildCache(
  client: Client,
  filters: Filters,
  all: boolean,
  keep = 0,
): Promise<Pruned> {
  const query = { all, filters, "keep-storage": keep || undefined };
  const report = await client.call("BuildPrune", { query });
  return {
    lines: listed("Deleted build cache objects:", report.CachesDeleted ?? []),
    bytes: report.SpaceReclaimed,
  };
}
