import type { Volume } from "./volume.ts";

/** What a driver knows of a volume at the moment. */
export interface VolumeFacts {
  /** Where its content is on the host; empty while it is nowhere. */
  mountpoint: string;
  /** What the driver wants `inspect` to show. */
  status?: Record<string, unknown>;
}

/**
 * What keeps the content of volumes: `local`, or a plugin. The store has the rows; a driver is told of each volume
 * after its row is written, and before it is deleted.
 */
export interface VolumeDriver {
  readonly name: string;
  /** `global`: the same volume is there on other hosts too. */
  readonly scope: "local" | "global";
  /** Throws `invalidArgument` where the options make no sense; nothing is made. */
  check(name: string, options: Readonly<Record<string, string>>): void;
  /** Makes what is not there yet. */
  create(name: string, options: Readonly<Record<string, string>>): Promise<void>;
  /** Takes it out of everyone's sight. What is returned deletes what still takes room. */
  remove(volume: Volume): Promise<() => Promise<void>>;
  /** The content is only there while a container uses the volume: it is to be mounted and unmounted. */
  needsMount(volume: Volume): boolean;
  /** For the container `user`; `first`: no other has it mounted. Returns where the content is. */
  mount(volume: Volume, user: string, first: boolean): Promise<string>;
  /** `last`: nobody has it mounted any more. Nothing happens when it is not mounted. */
  unmount(volume: Volume, user: string, last: boolean): Promise<void>;
  inspect(volume: Volume): Promise<VolumeFacts>;
}

/** The drivers by name. Throws `notFound` for one that is not there. */
export interface VolumeDrivers {
  get(name: string): Promise<VolumeDriver>;
}
