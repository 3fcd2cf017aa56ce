// The last answers, so that going back shows the page at once while it is asked again.
const ANSWERS_MAX = 40;
const answers = new Map<string, unknown>();

export function keep(path: string, answer: unknown): void {
  answers.delete(path);
  answers.set(path, answer);
  const oldest = answers.keys().next();
  if (answers.size > ANSWERS_MAX && !oldest.done) answers.delete(oldest.value);
}

export function keptAnswer<T>(path: string): T | undefined {
  return answers.get(path) as T | undefined;
}

/** Nobody who signs in next sees what the last person saw. */
export function forgetAll(): void {
  answers.clear();
}
