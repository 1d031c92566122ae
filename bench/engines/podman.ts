import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, call, type Engine } from "../lib/engine.ts";
import { processesNaming } from "../lib/processes.ts";
import type { RuntimeView } from "./runtime-view.ts";

export interface PodmanOptions {
  disk: string;
  run: string;
  registry: string;
  view: RuntimeView;
}

/** Podman as root, with roots, networks and configuration of its own, and crun as runtime. */
export class Podman implements Engine {
  readonly name = "podman";
  readonly client: Client;
  readonly unrotated = [];
  readonly removeForce = ["rm", "-f", "-t", "0"];
  readonly #options: PodmanOptions;

  private constructor(options: PodmanOptions) {
    this.#options = options;
    const config = (name: string) => join(options.run, `podman-${name}.conf`);
    this.client = {
      argv: options.view.command("podman"),
      env: {
        CONTAINERS_CONF: config("containers"),
        CONTAINERS_STORAGE_CONF: config("storage"),
        CONTAINERS_REGISTRIES_CONF: config("registries"),
      },
    };
  }

  static open(options: PodmanOptions): Podman {
    const podman = new Podman(options);
    const { disk, run, registry } = options;
    mkdirSync(join(disk, "podman-networks"));
    const texts = {
      CONTAINERS_STORAGE_CONF: `[storage]
driver = "overlay"
graphroot = "${join(disk, "podman")}"
runroot = "${join(run, "podman")}"
`,
      CONTAINERS_REGISTRIES_CONF: `unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "${registry}"
insecure = true
`,
      CONTAINERS_CONF: `[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
tmp_dir = "${join(run, "podman-tmp")}"
[network]
network_config_dir = "${join(disk, "podman-networks")}"
`,
    };
    for (const [name, text] of Object.entries(texts)) writeFileSync(podman.client.env[name] ?? "", text);
    return podman;
  }

  async version(): Promise<string> {
    const template = "{{.Version.Version}}, {{.Host.OCIRuntime.Name}}, {{.Store.GraphDriverName}}";
    return call(this, "info", "--format", template);
  }

  processes(): number[] {
    return processesNaming(join(this.#options.run, "podman"));
  }

  /** Its containers end with the namespaces that the benchmark runs in. */
  async end(): Promise<void> {}
}
