// A real relay, with its events in memory: prints `listening HOST PORT`.
// Its live delivery ignores tag filters, so those of nostr-tools are used.
import { EventRepository, EventUtils } from '@nostr-relay/common';
import { NostrRelay } from '@nostr-relay/core';
import { Validator } from '@nostr-relay/validator';
import { matchFilter } from 'nostr-tools';
import { WebSocketServer } from 'ws';

EventUtils.isMatchingFilter = (event, filter) => matchFilter(filter, event);

const first = (e, name) => e.tags.find((t) => t[0] === name)?.[1] ?? '';

class Memory extends EventRepository {
  events = new Map();

  isSearchSupported() {
    return false;
  }

  key(e) {
    return e.kind >= 30000 && e.kind < 40000
      ? `${e.kind}:${e.pubkey}:${first(e, 'd')}`
      : e.id;
  }

  upsert(e) {
    const old = this.events.get(this.key(e));
    if (old && old.id === e.id) return { isDuplicate: true };
    if (!old || old.created_at <= e.created_at) this.events.set(this.key(e), e);
    return { isDuplicate: false };
  }

  find(filter) {
    return [...this.events.values()]
      .filter((e) => matchFilter(filter, e))
      .slice(0, filter.limit ?? 10000);
  }

  async destroy() {}
}

const relay = new NostrRelay(new Memory(), { maxSubscriptionsPerClient: 20 });
const validator = new Validator();
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });

server.on('connection', (ws) => {
  relay.handleConnection(ws);
  ws.on('message', async (data) => {
    try {
      await relay.handleMessage(ws, await validator.validateIncomingMessage(data));
    } catch (e) {
      ws.send(JSON.stringify(['NOTICE', String(e.message)]));
    }
  });
  ws.on('close', () => relay.handleDisconnect(ws));
  ws.on('error', () => {});
});
server.on('listening', () =>
  console.log(`listening 127.0.0.1 ${server.address().port}`),
);
