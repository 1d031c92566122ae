/** What Go calls the errors that binding to an address can end in: tools look for these words. */
const words: Record<string, string> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EACCES: "permission denied",
};

/** Go's words for an errno (`EADDRINUSE`); undefined for one that has none here. */
export const goErrno = (code: string | undefined): string | undefined => words[code ?? ""];
