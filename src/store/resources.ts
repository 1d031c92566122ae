import type { Database, Migration } from "./database.ts";

/** The kinds of things outside the database that a row stands for. */
export const resourceKinds = [
  "directory",
  "mount",
  "netns",
  "veth",
  "bridge",
  "link",
  "nftTable",
  "cgroup",
  "process",
  // The folder of a checkpoint that is being written.
  "checkpoint",
  // What plugins have made for networks.
  "pluginNetwork",
  "pluginEndpoint",
  "pluginPorts",
  "pluginPool",
  "pluginAddress",
] as const;
export type ResourceKind = (typeof resourceKinds)[number];

/**
 * One thing that exists, or is about to exist, in the kernel or on the disk. The row is written before the thing is
 * made, and deleted after it is gone, so that a daemon that was killed in between finds it again. (After a power
 * failure, what is in the kernel is gone, and what is on the disk is found by its place.)
 */
export interface Resource {
  kind: ResourceKind;
  /** What names the thing in its kind: a path, an interface name, a cgroup path, a pid with its start time. */
  key: string;
  /** The container, network or image that it belongs to; empty when it belongs to the daemon. */
  owner: string;
}

export const resourceMigrations: readonly Migration[] = [
  {
    id: "resources-1",
    sql: `CREATE TABLE resources (
            kind TEXT NOT NULL, key TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (kind, key)
          ) STRICT;
          CREATE INDEX resources_owner ON resources (owner);`,
  },
];

export class ResourceTable {
  #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Writes the rows of things that are about to be made. */
  claim(...resources: readonly Resource[]): void {
    this.#database.relaxed(() => {
      for (const { kind, key, owner } of resources) {
        this.#database.run(
          "INSERT OR REPLACE INTO resources (kind, key, owner) VALUES (?, ?, ?)",
          kind,
          key,
          owner,
        );
      }
    });
  }

  /** Deletes the rows of things that are gone. */
  release(...resources: readonly Pick<Resource, "kind" | "key">[]): void {
    this.#database.relaxed(() => {
      for (const { kind, key } of resources) {
        this.#database.run("DELETE FROM resources WHERE kind = ? AND key = ?", kind, key);
      }
    });
  }

  ofOwner(owner: string): Resource[] {
    return this.#database.all("SELECT kind, key, owner FROM resources WHERE owner = ?", owner);
  }

  ofKind(kind: ResourceKind): Resource[] {
    return this.#database.all("SELECT kind, key, owner FROM resources WHERE kind = ?", kind);
  }
}
