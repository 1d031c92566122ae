const notFound = [
  "executable file not found",
  "no such file or directory",
  "system cannot find the file specified",
];
const notRunnable = ["permission denied", "is a directory"];

/**
 * The exit code for a container that could not be run, by what shells use: 127 when its program is not there, 126 when
 * it cannot be run, 125 when the daemon refused for another reason. The daemon tells it only in words.
 */
export function startErrorCode(message: string): number {
  if (notFound.some((text) => message.includes(text))) return 127;
  return notRunnable.some((text) => message.includes(text)) ? 126 : 125;
}
