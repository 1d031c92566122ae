import type { Database, Migration } from "./database.ts";

export interface NetworkRow {
  id: string;
  name: string;
  driver: string;
  /** RFC 3339 with nanoseconds. */
  created: string;
  /** JSON; what it holds is the driver's affair. */
  settings: string;
}

/** A container's network stack, from its start to its end. */
export interface SandboxRow {
  containerId: string;
  id: string;
  containerName: string;
  /** Where the namespace is pinned; empty for the host's own. */
  netns: string;
  /** JSON of NetworkSettings.Ports. */
  ports: string;
  /** JSON of what was asked for: ports to publish, DNS servers. */
  request: string;
}

/** A sandbox's place in one network. */
export interface EndpointRow {
  id: string;
  networkId: string;
  containerId: string;
  /** The host's end of the veth pair; empty where there is none. */
  link: string;
  /** As in `172.17.0.2/16`; empty where there is none. */
  address: string;
  gateway: string;
  mac: string;
  /** As in `fd00::2/64`; empty where there is none. */
  address6: string;
  gateway6: string;
  /** JSON: the interface's name, what was asked for, the names in DNS. */
  details: string;
}

export const networkMigrations: readonly Migration[] = [
  {
    id: "networks-1",
    sql: `CREATE TABLE networks (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL, created TEXT NOT NULL,
            settings TEXT NOT NULL
          ) STRICT;
          CREATE TABLE sandboxes (
            containerId TEXT PRIMARY KEY, id TEXT NOT NULL, containerName TEXT NOT NULL, netns TEXT NOT NULL,
            ports TEXT NOT NULL
          ) STRICT;
          CREATE TABLE endpoints (
            id TEXT NOT NULL, networkId TEXT NOT NULL REFERENCES networks (id),
            containerId TEXT NOT NULL REFERENCES sandboxes (containerId) ON DELETE CASCADE,
            link TEXT NOT NULL, address TEXT NOT NULL, gateway TEXT NOT NULL, mac TEXT NOT NULL,
            PRIMARY KEY (containerId, networkId)
          ) STRICT;
          CREATE INDEX endpoints_network ON endpoints (networkId);`,
  },
  {
    id: "networks-2",
    sql: `ALTER TABLE endpoints ADD COLUMN address6 TEXT NOT NULL DEFAULT '';
          ALTER TABLE endpoints ADD COLUMN gateway6 TEXT NOT NULL DEFAULT '';
          ALTER TABLE endpoints ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
          ALTER TABLE sandboxes ADD COLUMN request TEXT NOT NULL
            DEFAULT '{"exposedPorts":[],"portBindings":{},"publishAll":false}';`,
  },
];

export class NetworkTable {
  #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  networks(): NetworkRow[] {
    return this.#database.all("SELECT id, name, driver, created, settings FROM networks ORDER BY name");
  }

  network(name: string): NetworkRow | undefined {
    return this.#database.get(
      "SELECT id, name, driver, created, settings FROM networks WHERE name = ?",
      name,
    );
  }

  putNetwork(row: NetworkRow): void {
    this.#database.run(
      `INSERT INTO networks (id, name, driver, created, settings) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, settings = excluded.settings`,
      row.id,
      row.name,
      row.driver,
      row.created,
      row.settings,
    );
  }

  deleteNetwork(id: string): void {
    this.#database.run("DELETE FROM networks WHERE id = ?", id);
  }

  sandboxes(): SandboxRow[] {
    return this.#database.all("SELECT containerId, id, containerName, netns, ports, request FROM sandboxes");
  }

  putSandbox({ containerId, id, containerName, netns, ports, request }: SandboxRow): void {
    this.#database.run(
      "INSERT INTO sandboxes (containerId, id, containerName, netns, ports, request) VALUES (?, ?, ?, ?, ?, ?)",
      containerId,
      id,
      containerName,
      netns,
      ports,
      request,
    );
  }

  setPorts(containerId: string, ports: string): void {
    this.#database.relaxed(() =>
      this.#database.run("UPDATE sandboxes SET ports = ? WHERE containerId = ?", ports, containerId),
    );
  }

  renameSandbox(containerId: string, containerName: string): void {
    this.#database.run(
      "UPDATE sandboxes SET containerName = ? WHERE containerId = ?",
      containerName,
      containerId,
    );
  }

  /** Its endpoints go with it. */
  deleteSandbox(containerId: string): void {
    this.#database.relaxed(() =>
      this.#database.run("DELETE FROM sandboxes WHERE containerId = ?", containerId),
    );
  }

  endpoints(): EndpointRow[] {
    return this.#database.all(
      `SELECT id, networkId, containerId, link, address, gateway, mac, address6, gateway6, details
       FROM endpoints ORDER BY containerId, rowid`,
    );
  }

  putEndpoint(row: EndpointRow): void {
    this.#database.run(
      `INSERT INTO endpoints (id, networkId, containerId, link, address, gateway, mac, address6, gateway6, details)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.id,
      row.networkId,
      row.containerId,
      row.link,
      row.address,
      row.gateway,
      row.mac,
      row.address6,
      row.gateway6,
      row.details,
    );
  }

  setDetails({ containerId, networkId, details }: EndpointRow): void {
    this.#database.run(
      "UPDATE endpoints SET details = ? WHERE containerId = ? AND networkId = ?",
      details,
      containerId,
      networkId,
    );
  }

  deleteEndpoint({ containerId, networkId }: Pick<EndpointRow, "containerId" | "networkId">): void {
    this.#database.run(
      "DELETE FROM endpoints WHERE containerId = ? AND networkId = ?",
      containerId,
      networkId,
    );
  }
}
