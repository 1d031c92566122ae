import type { Bench } from "./bench.ts";
import type { Contestant, Engine } from "./engine.ts";

/** Times are better when they are short, rates (`…/s`) when they are high. */
export type Unit = "ms" | "s" | "MB" | "MB/s" | "1/s";

/** One measurement, done with each contestant in turn. */
export interface BenchCase {
  /** By which it is picked; it begins with its group: `run-none`. */
  name: string;
  title: string;
  unit: Unit;
  /** How often each contestant does it. */
  rounds: number;
  /** At most this part of what docker.io needs, our client beside Docker's. */
  target?: number;
  /** How many containers each engine has, beside those of the case: as many as there are, when none is said. */
  containers?: number;
  takesPart?(contestant: Contestant): boolean;
  /** Once for each engine, before the first round. */
  prepare?(engine: Engine, bench: Bench): Promise<unknown>;
  /** The result, in the unit of the case. What is not measured may be done in it too. */
  measure(contestant: Contestant, bench: Bench): Promise<number>;
  cleanUp?(engine: Engine, bench: Bench): Promise<unknown>;
  /** The least that it can cost: the same work without an engine. */
  floor?: Floor;
}

export interface Floor {
  what: string;
  prepare?(bench: Bench): Promise<unknown>;
  measure(bench: Bench): Promise<number>;
}

export const higherIsBetter = (unit: Unit) => unit.endsWith("/s");
