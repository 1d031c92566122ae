/** Linux's signals (signal(7)); the numbers are those of x86 and ARM. */
const numbers: Record<string, number> = Object.fromEntries(
  (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG " +
    "XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
  )
    .split(" ")
    .map((name, index) => [name, index + 1]),
);
const aliases: Record<string, number> = { CLD: 17, IOT: 6, POLL: 29, UNUSED: 31 };

const firstRealTime = 34;
const lastRealTime = 64;

/** The number of `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3`; undefined when there is no such signal. */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= lastRealTime ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realTime) {
    const base = realTime[1] === "MIN" ? firstRealTime : lastRealTime;
    const number = base + Number(`${realTime[2] ?? "+"}${realTime[3] ?? 0}`);
    return number >= firstRealTime && number <= lastRealTime ? number : undefined;
  }
  return numbers[name] ?? aliases[name];
}
