/** Whether a version as programs tell it (`2.10.27`, `2.11.0-RC.1`) is that one or a later one. */
export function atLeast(version: string, needed: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [place, bound] of needed.entries()) {
    const part = parts[place] ?? 0;
    if (part !== bound) return part > bound;
  }
  return true;
}
