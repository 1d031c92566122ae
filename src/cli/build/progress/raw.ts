import type { StatusResponse, Timestamp } from "../../../api/buildkit/control.ts";
import type { Output } from "../../streams.ts";
import type { Display } from "./display.ts";

/** The status as it comes, a line of JSON each time, with the names of BuildKit's Go client. */
export class RawDisplay implements Display {
  readonly #out: Output;

  constructor(out: Output) {
    this.#out = out;
  }

  show({ vertexes, statuses, logs, warnings }: StatusResponse): void {
    const line = {
      ...some("vertexes", vertexes, ({ digest, inputs, name, cached, started, completed, error }) => ({
        digest,
        ...(inputs.length > 0 && { inputs }),
        name,
        ...times({ started, completed }),
        ...(cached && { cached }),
        ...(error !== "" && { error }),
      })),
      ...some(
        "statuses",
        statuses,
        ({ ID, vertex, name, total, current, timestamp, started, completed }) => ({
          id: ID,
          vertex,
          ...(name !== "" && { name }),
          ...(total > 0 && { total }),
          current,
          ...times({ timestamp, started, completed }),
        }),
      ),
      ...some("logs", logs, ({ vertex, stream, msg, timestamp }) => ({
        vertex,
        stream,
        data: Buffer.from(msg).toString("base64"),
        ...times({ timestamp }),
      })),
      ...some("warnings", warnings, ({ vertex, level, short, detail, url, info, ranges }) => ({
        vertex,
        level,
        short: Buffer.from(short).toString("base64"),
        detail: detail.map((text) => Buffer.from(text).toString("base64")),
        url,
        sourceInfo: info && { ...info, data: Buffer.from(info.data).toString("base64") },
        range: ranges,
      })),
    };
    this.#out.write(`${JSON.stringify(line)}\n`);
  }

  end(): void {}
}

function some<T>(name: string, list: readonly T[], of: (item: T) => object): Record<string, object[]> {
  return list.length === 0 ? {} : { [name]: list.map(of) };
}

/** RFC 3339. */
function times(given: Record<string, Timestamp | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, time]) => {
      if (time === undefined) return [];
      const whole = new Date(Number(time.seconds) * 1000).toISOString().slice(0, 19);
      return [[name, `${whole}.${String(time.nanos).padStart(9, "0")}Z`]];
    }),
  );
}
