/** Why a connection or a stream ends (RFC 9113, section 7). */
export const errorCodes = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
} as const;

/** The other side breaks the protocol: the connection cannot go on. */
export class ProtocolError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(`HTTP/2: ${message}`);
    this.name = "ProtocolError";
    this.code = code;
  }
}

export const protocolError = (message: string) => new ProtocolError(errorCodes.protocol, message);
export const compressionError = (message: string) => new ProtocolError(errorCodes.compression, message);
