/** Levenshtein's distance: how many letters to insert, delete or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** What was probably meant by `word`: the nearest of `candidates`, at most two letters away, and "" when none is. */
export function nearest(word: string, candidates: Iterable<string>, ignoreCase = false): string {
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
  let best = "";
  let least = Math.min(3, Math.max(2, word.length));
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const far = distance(fold(word), fold(candidate));
    if (far < least) [best, least] = [candidate, far];
  }
  return best === word ? "" : best;
}

/** `message`, and the nearest of `candidates` as a question where there is one. */
export function withSuggestion(message: string, word: string, candidates: Iterable<string>): string {
  const meant = nearest(word, candidates, true);
  return meant === "" ? message : `${message} (did you mean ${meant}?)`;
}
