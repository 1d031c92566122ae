import { output, time } from "./command.ts";

/** A program by which an engine is called. */
export interface Client {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A container engine under measurement, ours or a peer, with roots of its own. */
export interface Engine {
  readonly name: "longshore" | "docker.io" | "podman";
  /** What prepares it, and what stands for the engine in the ratios. */
  readonly client: Client;
  /** Its version, and that of its runtime where it tells. */
  version(): Promise<string>;
  /** Its own processes, not those of containers. */
  processes(): number[];
  /** Undefined for an engine without a daemon. */
  readonly daemon?: DaemonControl;
  /** The options that have an engine keep one log file, however long. */
  readonly unrotated: readonly string[];
  /** What `rm -f` needs to kill at once. */
  readonly removeForce: readonly string[];
  end(): Promise<void>;
}

/** Milliseconds until a started daemon answers, and until a stopped one has ended. */
export interface DaemonControl {
  start(): Promise<number>;
  stop(): Promise<number>;
}

/** An engine called by one client: a column of the table. */
export class Contestant {
  readonly label: string;
  readonly engine: Engine;
  readonly client: Client;

  constructor(label: string, engine: Engine, client: Client = engine.client) {
    this.label = label;
    this.engine = engine;
    this.client = client;
  }

  /** True for one contestant of each engine: what no client has a part in is measured once. */
  get isFirst(): boolean {
    return this.client === this.engine.client;
  }

  /** Milliseconds of one call. Throws when it fails. */
  time(...args: string[]): Promise<number> {
    return time([...this.client.argv, ...args], this.client.env);
  }

  output(...args: string[]): Promise<string> {
    return output([...this.client.argv, ...args], this.client.env);
  }
}

/** One call of an engine by its own client, for what is not measured. */
export function call({ client }: Engine, ...args: string[]): Promise<string> {
  return output([...client.argv, ...args], client.env);
}
