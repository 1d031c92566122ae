import {
  bool,
  type Infer,
  input,
  int,
  list,
  nullable,
  optional,
  string,
  stringOrList,
  struct,
} from "./schema.ts";

/** Body of `POST /containers/{id}/exec`. `ConsoleSize` is [height, width]. */
export const ExecConfig = input("container.ExecOptions", () => ({
  User: string,
  Privileged: bool,
  Tty: bool,
  ConsoleSize: optional(list(int)),
  AttachStdin: bool,
  AttachStderr: bool,
  AttachStdout: bool,
  Detach: bool,
  DetachKeys: string,
  Env: list(string),
  WorkingDir: string,
  Cmd: stringOrList,
}));
export type ExecConfig = Infer<typeof ExecConfig>;

/** Body of `POST /exec/{id}/start`. */
export const ExecStartConfig = input("container.ExecStartOptions", () => ({
  Detach: bool,
  Tty: bool,
  ConsoleSize: optional(list(int)),
}));
export type ExecStartConfig = Infer<typeof ExecStartConfig>;

export const ProcessConfig = struct("container.ExecProcessConfig", () => ({
  tty: bool,
  entrypoint: string,
  arguments: list(string),
  privileged: optional(nullable(bool)),
  user: optional(string),
}));
export type ProcessConfig = Infer<typeof ProcessConfig>;

export const ExecInspectResponse = struct("container.ExecInspectResponse", () => ({
  ID: string,
  Running: bool,
  ExitCode: nullable(int),
  ProcessConfig: ProcessConfig,
  OpenStdin: bool,
  OpenStderr: bool,
  OpenStdout: bool,
  CanRemove: bool,
  ContainerID: string,
  DetachKeys: string,
  Pid: int,
}));
export type ExecInspectResponse = Infer<typeof ExecInspectResponse>;
