import type { BenchCase } from "../lib/case.ts";
import { type Contestant, call, type Engine } from "../lib/engine.ts";

/** Reads what `docker events` prints, and tells when a line with a certain name comes. */
class Subscriber {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "ignore">;
  #text = "";
  #wanted: { name: string; seen: () => void } | undefined;

  constructor({ client }: Engine) {
    this.#child = Bun.spawn([...client.argv, "events", "--filter", "event=create"], {
      env: { ...process.env, ...client.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    void this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      this.#text = this.#text.slice(-10_000) + decoder.decode(chunk);
      if (this.#wanted && this.#text.includes(this.#wanted.name)) this.#wanted.seen();
    }
  }

  /** Resolves with the time at which a line with `name` has come. */
  seen(name: string): Promise<number> {
    return new Promise((resolve) => {
      this.#wanted = { name, seen: () => resolve(performance.now()) };
    });
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}

const subscribers = new Map<Engine, Subscriber>();
let containers = 0;

/** Until one line has come, nobody knows that the client listens. */
async function subscribe(engine: Engine): Promise<void> {
  const subscriber = new Subscriber(engine);
  subscribers.set(engine, subscriber);
  for (let heard = false; !heard; ) {
    const name = `heard-${containers++}`;
    const seen = subscriber.seen(name).then(() => true);
    await call(engine, "create", "--name", name, "busybox");
    heard = await Promise.race([seen, Bun.sleep(500).then(() => false)]);
    await call(engine, "rm", name);
  }
}

async function toldOfCreate(contestant: Contestant): Promise<number> {
  const { engine } = contestant;
  const name = `told-${containers++}.`;
  const seen = subscribers.get(engine)?.seen(name);
  const begun = performance.now();
  await contestant.output("create", "--name", name, "busybox");
  const millis = ((await seen) ?? Number.NaN) - begun;
  await call(engine, "rm", name);
  return millis;
}

export const eventCases: readonly BenchCase[] = [
  {
    name: "events",
    title: "events: create until it is told, 1,000 containers",
    unit: "ms",
    rounds: 20,
    containers: 1000,
    prepare: subscribe,
    measure: toldOfCreate,
    async cleanUp(engine) {
      subscribers.get(engine)?.end();
    },
  },
];
