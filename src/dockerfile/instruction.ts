import type { LineRange } from "./errors.ts";
import type { Heredoc } from "./heredoc.ts";
import type { RunMount } from "./run-mount.ts";

/** What every instruction knows of where it stands. */
export interface Origin {
  range: LineRange;
  /** The instruction as it was written, on one line: what progress and error messages show. */
  text: string;
}

/** A command: words to execute, or a line for the shell, with the here-documents that it opens. */
export type Command = { shell: false; words: string[] } | { shell: true; line: string; heredocs: Heredoc[] };

export interface KeyValue {
  key: string;
  value: string;
  /** True for `ENV key value`, the form without `=`. */
  legacy: boolean;
}

/** What `COPY` and `ADD` have in common. */
export interface CopySource {
  /** Paths, patterns, URLs; not expanded yet. */
  sources: string[];
  /** Files whose content stands in the Dockerfile. */
  files: Heredoc[];
  destination: string;
  chown: string | undefined;
  chmod: string | undefined;
  link: boolean;
  parents: boolean;
  exclude: string[];
}

export type Instruction = Origin &
  (
    | {
        keyword: "FROM";
        image: string;
        name: string | undefined;
        platform: string | undefined;
        as: string;
        from: string;
      }
    | ({
        keyword: "ADD";
        checksum: string | undefined;
        keepGitDir: boolean | undefined;
        unpack: boolean | undefined;
      } & CopySource)
    | ({ keyword: "COPY"; from: string | undefined } & CopySource)
    | { keyword: "ARG"; args: { name: string; value: string | undefined }[]; comments: string[] }
    | { keyword: "CMD"; command: Command }
    | { keyword: "ENTRYPOINT"; command: Command }
    | { keyword: "ENV"; pairs: KeyValue[] }
    | { keyword: "LABEL"; pairs: KeyValue[] }
    | { keyword: "EXPOSE"; ports: string[] }
    | { keyword: "HEALTHCHECK"; health: Healthcheck }
    | { keyword: "MAINTAINER"; maintainer: string }
    | { keyword: "ONBUILD"; trigger: string }
    | {
        keyword: "RUN";
        command: Command;
        mounts: RunMount[];
        network: string | undefined;
        security: string | undefined;
        devices: string[];
      }
    | { keyword: "SHELL"; shell: string[] }
    | { keyword: "STOPSIGNAL"; signal: string }
    | { keyword: "USER"; user: string }
    | { keyword: "VOLUME"; volumes: string[] }
    | { keyword: "WORKDIR"; path: string }
  );

export type Keyword = Instruction["keyword"];
export type InstructionOf<K extends Keyword> = Extract<Instruction, { keyword: K }>;

/** `HEALTHCHECK`; times in nanoseconds, absent where the base image's stand. */
export interface Healthcheck {
  /** `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`. */
  test: string[];
  interval?: number;
  timeout?: number;
  startPeriod?: number;
  startInterval?: number;
  retries?: number;
}

export const keywords: readonly Keyword[] = [
  "ADD",
  "ARG",
  "CMD",
  "COPY",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "FROM",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  "ONBUILD",
  "RUN",
  "SHELL",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
];
