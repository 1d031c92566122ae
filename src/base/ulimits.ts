/** The resources that `--ulimit` can limit: getrlimit(2), in lower case and without `RLIMIT_`. */
export const ulimitNames: ReadonlySet<string> = new Set([
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
]);
