import type { JSONMessage } from "../api/progress.ts";
import type { Instruction } from "../dockerfile/instruction.ts";

/** One piece of work of a build, as people see it. */
export interface Vertex {
  id: string;
  /** `[build 2/4] RUN make`. */
  name: string;
  /** Where it stands in the Dockerfile; undefined for what the builder does by itself. */
  step?: { instruction: Instruction; index: number };
  /** False for what takes no time: an instruction that only says how containers run. */
  visible: boolean;
  /** Ids of those whose result it needs. */
  inputs: readonly string[];
}

export interface VertexEnd {
  cached?: boolean;
  error?: unknown;
  /** A short name of the result, as the classic builder prints it. */
  result?: string;
}

export type LogStream = "stdout" | "stderr";

/** Whoever wants to know how a build goes: the classic stream of messages, BuildKit's status, or nobody. */
export interface BuildProgress {
  begin(vertex: Vertex): void;
  /** Output of a step; the builder waits for the promise, so that a slow reader slows the step down. */
  log(vertex: Vertex, stream: LogStream, data: Uint8Array): Promise<void> | void;
  /** How the pull of a base image goes. */
  pulling(vertex: Vertex, message: JSONMessage): void;
  end(vertex: Vertex, end: VertexEnd): void;
  warn(warning: BuildWarning): void;
}

/** What a build check has found. */
export interface BuildWarning {
  rule: string;
  description: string;
  url: string;
  message: string;
  line: number;
}
