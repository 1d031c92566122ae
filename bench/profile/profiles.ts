import { setContainers } from "../fixtures/containers.ts";
import { forgetLargeImage, needLargeImage } from "../fixtures/published-image.ts";
import type { Bench } from "../lib/bench.ts";
import type { Contestant } from "../lib/engine.ts";

/** A group of steps, and what it may cost as it was designed, in milliseconds. */
export interface Phase {
  title: string;
  budget?: number;
  /** The steps in it, by how their names begin. */
  steps: readonly string[];
}

export interface Profile {
  title: string;
  rounds: number;
  /** In the order in which they happen; steps of none of them are shown by their own names. */
  phases: readonly Phase[];
  /** What it may cost in all. */
  budget?: number;
  prepare?(contestant: Contestant, bench: Bench): Promise<unknown>;
  /** The arguments of the client; what has to be done before is done here, too. */
  command(contestant: Contestant, bench: Bench): Promise<readonly string[]>;
  after?(contestant: Contestant, bench: Bench): Promise<unknown>;
}

const client: Phase = { title: "client starts", budget: 6, steps: ["client starts"] };
const clientEnds: Phase = {
  title: "client: between requests, end",
  steps: ["client, between", "client ends", "HEAD /_ping"],
};
const create: Phase = {
  title: "create: names, configuration, row",
  budget: 1,
  steps: ["POST /containers/create", "rootfs.home", "store.insert", "api."],
};
const start: readonly Phase[] = [
  { title: "rootfs: overlay", budget: 1, steps: ["rootfs.mount"] },
  { title: "network", budget: 2, steps: ["network."] },
  { title: "runtime: bundle, crun", budget: 8, steps: ["runtime."] },
  { title: "start, the rest", steps: ["POST /containers/{id}/start"] },
];
const stop: readonly Phase[] = [
  { title: "signal", budget: 1, steps: ["stop.signal"] },
  { title: "the process dies, its output is read", steps: ["stop.death"] },
  { title: "stop, the rest", steps: ["POST /containers/{id}/stop"] },
];
const process: Phase = { title: "the container's own process", steps: ["the container's process"] };
const exit: Phase = { title: "exit recorded, client told", budget: 1, steps: ["exit."] };
const sleeper = ["busybox", "sleep", "3600"];

export const profiles: Readonly<Record<string, Profile>> = {
  run: {
    title: "run --rm hello-world, bridge",
    rounds: 30,
    budget: 25,
    phases: [client, create, ...start, process, exit, clientEnds],
    command: async () => ["run", "--rm", "hello-world"],
  },
  start: {
    title: "start",
    rounds: 30,
    budget: 18,
    phases: [client, ...start, process, clientEnds],
    async command(contestant) {
      await contestant.output("create", "--name", "started", ...sleeper);
      return ["start", "started"];
    },
    after: (contestant) => contestant.output("rm", "-f", "started"),
  },
  exec: {
    title: "exec true",
    rounds: 30,
    budget: 25,
    phases: [
      client,
      { title: "exec created", budget: 1, steps: ["POST /containers/{id}/exec"] },
      { title: "runtime: crun exec", budget: 8, steps: ["runtime."] },
      { title: "exec started and asked for, the rest", steps: ["POST /exec/", "GET /exec/", "api."] },
      process,
      exit,
      clientEnds,
    ],
    prepare: (contestant) => contestant.output("run", "-d", "--name", "target", ...sleeper),
    command: async () => ["exec", "target", "true"],
  },
  stop: {
    title: "stop -t 0",
    rounds: 30,
    phases: [client, ...stop, exit, clientEnds],
    async command(contestant) {
      await contestant.output("run", "-d", "--name", "stopped", ...sleeper);
      return ["stop", "-t", "0", "stopped"];
    },
    after: (contestant) => contestant.output("rm", "-f", "stopped"),
  },
  ps: {
    title: "ps -a, 100 stopped",
    rounds: 30,
    phases: [
      client,
      { title: "list", steps: ["containers.list", "GET /containers/json"] },
      { title: "encoding", steps: ["api.encode"] },
      clientEnds,
    ],
    prepare: ({ engine }) => setContainers(engine, 100),
    command: async () => ["ps", "-a"],
  },
  pull: {
    title: "pull, 300 MB, 5 layers, 15,000 files",
    rounds: 5,
    phases: [
      client,
      { title: "manifest", steps: ["registry."] },
      { title: "unpacking (while others come)", steps: ["layer.unpack"] },
      { title: "download alone", steps: ["layer.download"] },
      { title: "rows", steps: ["store."] },
      { title: "the rest", steps: ["POST /images/create"] },
      clientEnds,
    ],
    prepare: ({ engine }, bench) => needLargeImage(engine, bench),
    async command({ engine }, bench) {
      return ["pull", "-q", await forgetLargeImage(engine, bench)];
    },
  },
};
