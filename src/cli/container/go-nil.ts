/**
 * What Go's encoder writes for a slice or map that is nil. The Go client sends it where nothing was asked for, and
 * daemons take it for absent; the API's types leave it out, since no daemon answers with it.
 */
export const goNil = <T>(): T => null as unknown as T;

/** A copy of `items`; nil when there are none. */
export const orNil = <T>(items: readonly T[]): T[] => (items.length > 0 ? [...items] : goNil());
