import type { Redis } from 'ioredis';
import type { OpenChannel } from './notice-channel.ts';

const CHANNEL = 'meterr:notices';

/**
 * Notices by Redis, for many processes on one database. A connection that subscribes can do nothing
 * else, so it is a second one; it comes back by itself.
 * @param redis sends; its owner closes it
 */
export function openRedisChannel(redis: Redis): OpenChannel {
  return ({ onNotice, onOpen }) => {
    const subscriber = redis.duplicate({ autoResubscribe: false });
    // The other connection tells of an outage.
    subscriber.on('error', () => {});
    subscriber.on('message', (_channel, notice) => onNotice(notice));
    subscriber.on('ready', () => {
      // One that is lost meanwhile is ready again later.
      subscriber.subscribe(CHANNEL).then(onOpen, () => {});
    });
    subscriber.connect().catch(() => {});
    return {
      async publish(notice) {
        await redis.publish(CHANNEL, notice);
      },
      async close() {
        subscriber.disconnect();
      },
    };
  };
}
