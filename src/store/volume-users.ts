import type { Database, Migration } from "./database.ts";

/**
 * A container's claim on a volume. `populated`: the image's content has had its chance to be copied into it.
 * `mounted`: the driver has been asked to have it there for the container, and not yet to take it away.
 * `stays`: the container is being removed without its anonymous volumes.
 */
export interface VolumeUserRow {
  volume: string;
  container: string;
  populated: number;
  mounted: number;
  stays: number;
}

export const volumeUserMigrations: readonly Migration[] = [
  {
    id: "volume-users-1",
    sql: `CREATE TABLE volume_users (
            volume TEXT NOT NULL REFERENCES volumes (name), container TEXT NOT NULL, populated INTEGER NOT NULL,
            PRIMARY KEY (volume, container)
          ) STRICT;
          CREATE INDEX volume_users_container ON volume_users (container);`,
  },
  {
    id: "volume-users-2",
    sql: "ALTER TABLE volume_users ADD COLUMN mounted INTEGER NOT NULL DEFAULT 0",
  },
  { id: "volume-users-3", sql: "ALTER TABLE volume_users ADD COLUMN stays INTEGER NOT NULL DEFAULT 0" },
];

export class VolumeUserTable {
  #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  add(volume: string, container: string): void {
    this.#database.run(
      "INSERT OR IGNORE INTO volume_users (volume, container, populated) VALUES (?, ?, 0)",
      volume,
      container,
    );
  }

  /** The containers that have the volume, whether they run or not. */
  containersOf(volume: string): string[] {
    return this.#database
      .all<VolumeUserRow>("SELECT * FROM volume_users WHERE volume = ? ORDER BY container", volume)
      .map((row) => row.container);
  }

  volumesOf(container: string): string[] {
    return this.#database
      .all<VolumeUserRow>("SELECT * FROM volume_users WHERE container = ?", container)
      .map((row) => row.volume);
  }

  unpopulated(container: string): string[] {
    return this.#database
      .all<VolumeUserRow>("SELECT * FROM volume_users WHERE container = ? AND populated = 0", container)
      .map((row) => row.volume);
  }

  setPopulated(volume: string, container: string): void {
    this.#database.run(
      "UPDATE volume_users SET populated = 1 WHERE volume = ? AND container = ?",
      volume,
      container,
    );
  }

  /** A power failure ends all mounts: these rows need not outlive one. */
  setMounted(volume: string, container: string, mounted: boolean): void {
    this.#database.relaxed(() =>
      this.#database.run(
        "UPDATE volume_users SET mounted = ? WHERE volume = ? AND container = ?",
        mounted ? 1 : 0,
        volume,
        container,
      ),
    );
  }

  /** The row of the container is deleted after this, and durably: that makes this durable, too. */
  setStays(container: string, stays: boolean): void {
    this.#database.relaxed(() =>
      this.#database.run("UPDATE volume_users SET stays = ? WHERE container = ?", stays ? 1 : 0, container),
    );
  }

  /** All that is mounted for a container, or all that is mounted. */
  mounted(container?: string): VolumeUserRow[] {
    return container === undefined
      ? this.#database.all("SELECT * FROM volume_users WHERE mounted = 1")
      : this.#database.all("SELECT * FROM volume_users WHERE mounted = 1 AND container = ?", container);
  }

  /** The containers for which the volume is mounted. */
  mountedFor(volume: string): string[] {
    return this.#database
      .all<VolumeUserRow>("SELECT * FROM volume_users WHERE mounted = 1 AND volume = ?", volume)
      .map((row) => row.container);
  }

  /** Ends all claims of a container. */
  removeContainer(container: string): void {
    this.#database.run("DELETE FROM volume_users WHERE container = ?", container);
  }

  /** All containers that have a volume, and whether their volumes stay when they are removed. */
  containers(): Pick<VolumeUserRow, "container" | "stays">[] {
    return this.#database.all("SELECT container, max(stays) AS stays FROM volume_users GROUP BY container");
  }
}
