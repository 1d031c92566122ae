/** A template that cannot be parsed or executed; the message is Go's. */
export class TemplateError extends Error {
  /** What the template had written before it failed: Go's writes as it goes. */
  output = "";

  constructor(message: string) {
    super(message);
    this.name = "TemplateError";
  }
}

/** What a template that failed with `error` had written; empty for errors of other kinds. */
export function outputOf(error: unknown): string {
  return error instanceof TemplateError ? error.output : "";
}
