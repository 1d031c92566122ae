/**
 * The exit code of a process that could not be started, by what the runtime said: as a shell has it, and as Docker
 * reads it from the same words.
 */
export function startFailureCode(message: string): number {
  if (/permission denied|is a directory|exec format error/i.test(message)) return 126;
  if (/executable file not found|no such file or directory|not a directory/i.test(message)) return 127;
  return 128;
}
