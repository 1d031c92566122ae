import { flag } from "./flags.ts";

/** `--checkpoint-dir`, of all commands about checkpoints. */
export const checkpointDirFlag = flag.string("Folder of the checkpoints, on the daemon's host");
