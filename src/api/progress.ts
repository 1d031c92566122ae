import { any, bool, type Infer, input, int, int64, optional, string, struct } from "./schema.ts";

/** `{}` for a step that has no numbers. Bytes, unless `units` says otherwise. */
export const ProgressDetail = input("jsonstream.Progress", () => ({
  current: optional(int64),
  total: optional(int64),
  start: optional(int64),
  hidecounts: optional(bool),
  units: optional(string),
}));
export type ProgressDetail = Infer<typeof ProgressDetail>;

export const ErrorDetail = input("jsonstream.Error", () => ({
  code: optional(int),
  message: optional(string),
}));
export type ErrorDetail = Infer<typeof ErrorDetail>;

/** One line of what pull, push, load, import and build report while they work. */
export const JSONMessage = struct("jsonstream.Message", () => ({
  stream: optional(string),
  status: optional(string),
  progressDetail: optional(ProgressDetail),
  /** A drawn progress bar, for clients that cannot draw one. */
  progress: optional(string),
  id: optional(string),
  errorDetail: optional(ErrorDetail),
  error: optional(string),
  aux: optional(any),
}));
export type JSONMessage = Infer<typeof JSONMessage>;
