import type { Admin } from 'kafkajs';
import { Kafka, logLevel } from 'kafkajs';

/** The broker seen from the bench: one-partition topics and how far they are filled. */
export class Topics {
  readonly #admin: Admin;

  private constructor(admin: Admin) {
    this.#admin = admin;
  }

  static async open(bootstrap: string): Promise<Topics> {
    const admin = new Kafka({ clientId: 'riverbend-bench', brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    return new Topics(admin);
  }

  async create(topic: string): Promise<void> {
    await this.#admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: true });
  }

  /** Records ever written to the topic's only partition; 0 while it does not exist. */
  async end(topic: string): Promise<number> {
    try {
      const [partition] = await this.#admin.fetchTopicOffsets(topic);
      return Number(partition?.high ?? 0);
    } catch {
      return 0;
    }
  }

  async delete(topic: string): Promise<void> {
    await this.#admin.deleteTopics({ topics: [topic] });
  }

  async close(): Promise<void> {
    await this.#admin.disconnect();
  }
}
