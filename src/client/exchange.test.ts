import { expect, test } from "bun:test";
import { Connection } from "../api/http1/connection.ts";
import { exchange } from "./exchange.ts";

async function* ofPieces(...pieces: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}

/** Sends a request with this body, which is answered, and tells what went over the line and whether it was cut. */
async function sent(pieces: string[], length?: number): Promise<{ text: string; cut: boolean }> {
  const line = { text: "", cut: false };
  const connection: Connection = new Connection({
    write(bytes) {
      line.text += Buffer.from(bytes).toString();
      return bytes.length;
    },
    shutdown: () => {},
    end: () => {},
    terminate: () => {
      line.cut = true;
    },
    pause: () => {},
    resume: () => {},
  });
  const body = Object.assign(ofPieces(...pieces), length === undefined ? {} : { length });
  // The answer does not matter, nor that there is none on a line that was cut.
  const answered = exchange(connection, { method: "POST", target: "/x", headers: {}, body }).catch(() => {});
  await Bun.sleep(1);
  connection.onData(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  await answered;
  return line;
}

test("a body goes in chunks, and one of known length as it is", async () => {
  expect(await sent(["one", "three"])).toEqual({
    text: "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n",
    cut: false,
  });
  expect(await sent(["one", "three"], 8)).toEqual({
    text: "POST /x HTTP/1.1\r\nContent-Length: 8\r\n\r\nonethree",
    cut: false,
  });
});

test("a body that is not as long as it said cuts the connection", async () => {
  expect((await sent(["one"], 8)).cut).toBe(true);
});
