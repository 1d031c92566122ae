/** Messages both ways: a call of gRPC, from either side of it. */
export interface PacketStream {
  messages(): AsyncIterable<Buffer>;
  /** Resolves when more can be sent. */
  send(message: Uint8Array): Promise<void>;
}
