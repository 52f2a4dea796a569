import { kafkaError } from './errors.ts';

/** No answer of a broker that lives takes longer, milliseconds; kafkajs's own retries included. */
export const ADMIN_DEADLINE_MS = 30_000;

/** kafkajs waits for answers before it disconnects, and for ever when the broker is gone. Milliseconds. */
export const DISCONNECT_DEADLINE_MS = 5_000;

/**
 * What the call gives, or CDC_KAFKA_UNAVAILABLE after `ms`. kafkajs can leave a call without any answer when the broker dies under it, its
 * timers gone with the connection: then only a new client helps, which the task's restart brings.
 */
export async function within<T>(ms: number, what: string, call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(kafkaError(new Error(`no answer for ${ms} ms`), what)), ms);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
