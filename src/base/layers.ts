/**
 * Which folder of `src/` may import which: the architecture as data, held by `test/house/layering.test.ts`.
 * A folder may import itself and what stands in its list.
 */
const pure = ["base", "oci", "dockerfile", "gotemplate", "api"];
const host = ["linux", "archive", "store", "plugins"];
const capabilities = ["filesync", "images", "distribution", "runtime", "network", "volumes", "security"];
const useCases = ["containers", "builder", "services"];

export const mayImport: Record<string, readonly string[]> = {
  base: [],
  oci: ["base"],
  dockerfile: ["base", "oci"],
  gotemplate: ["base"],
  api: ["base", "oci"],
  linux: ["base"],
  archive: ["base", "oci", "linux"],
  store: ["base", "oci"],
  plugins: ["base", "linux"],
  filesync: ["base", "api", "linux", "archive"],
  images: [...pure, ...host],
  distribution: [...pure, ...host, "images"],
  runtime: [...pure, ...host],
  network: [...pure, ...host],
  volumes: [...pure, ...host],
  security: [...pure, ...host],
  containers: [...pure, ...host, ...capabilities],
  builder: [...pure, ...host, ...capabilities, "containers"],
  services: [...pure, ...host, ...capabilities, "containers"],
  engine: [...pure, ...host, ...capabilities, ...useCases],
  daemon: [...pure, ...host, ...capabilities, ...useCases, "engine"],
  client: ["base", "oci", "api"],
  // `docker manifest` speaks to registries by itself, without a daemon.
  cli: [...pure, "linux", "archive", "filesync", "distribution", "client"],
  registry: ["base", "oci"],
  main: [...pure, ...host, ...capabilities, ...useCases, "engine", "daemon", "client", "cli", "registry"],
};
