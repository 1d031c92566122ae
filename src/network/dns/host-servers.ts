import { readFileSync, statSync } from "node:fs";
import { parseResolvConf } from "../resolv-conf.ts";

/** How often the file is looked at, at most. */
const lookMillis = 500;

/** Docker's servers for hosts that have none. */
const publicServers = ["8.8.8.8", "8.8.4.4"];

/** The host's DNS servers, as /etc/resolv.conf has them now: also one that listens on loopback, which only the host can ask. */
export function followHostServers(path = "/etc/resolv.conf"): () => readonly string[] {
  let servers: readonly string[] = publicServers;
  let lookAgain = 0;
  let version = "";
  return () => {
    const now = performance.now();
    if (now < lookAgain) return servers;
    lookAgain = now + lookMillis;
    const stat = statSync(path, { throwIfNoEntry: false });
    const present = stat ? `${stat.ino} ${stat.mtimeMs} ${stat.size}` : "none";
    if (present === version) return servers;
    version = present;
    const found = stat ? parseResolvConf(readFileSync(path, "utf8")).servers : [];
    servers = found.length > 0 ? found : publicServers;
    return servers;
  };
}
