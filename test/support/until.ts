import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a condition, asking every `everyMs`; throws with what was awaited when the deadline passes. */
export async function until(what: string, deadlineMs: number, condition: () => boolean | Promise<boolean>, everyMs = 50): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
    await delay(everyMs);
  }
}
