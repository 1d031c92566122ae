import { join } from "node:path";

/** Where a daemon keeps its things: what lasts below the data root, what ends with the boot below the exec root. */
export interface Roots {
  dataRoot: string;
  execRoot: string;
}

/** The places that belong to one container. */
export interface ContainerPaths {
  /** What lasts: changes of files, hosts, logs. */
  home: string;
  upper: string;
  work: string;
  hosts: string;
  hostname: string;
  resolvConf: string;
  /** Of CRIU. */
  checkpoints: string;
  log: string;
  /** Of the driver `local`, and of drivers that send the log elsewhere. */
  localLog: string;
  cachedLog: string;
  /** What lives as long as the container runs: the bundle, the root file system's mount, the stdio. */
  run: string;
  bundle: string;
  rootfs: string;
  /** The /dev/shm that others may join. */
  shm: string;
}

export function containerPaths(roots: Roots, id: string): ContainerPaths {
  const home = join(roots.dataRoot, "containers", id);
  const run = join(roots.execRoot, "containers", id);
  return {
    home,
    upper: join(home, "upper"),
    work: join(home, "work"),
    hosts: join(home, "hosts"),
    hostname: join(home, "hostname"),
    resolvConf: join(home, "resolv.conf"),
    checkpoints: join(home, "checkpoints"),
    log: join(home, `${id}-json.log`),
    localLog: join(home, "local-logs", "container.log"),
    cachedLog: join(home, "container-cached.log"),
    run,
    bundle: join(run, "bundle"),
    rootfs: join(run, "rootfs"),
    shm: join(run, "shm"),
  };
}
