// message.mjs SECRET: wraps (NIP-17), one a line, on stdin: prints author and
// text of each as nostr-tools reads them.
import { nip59, verifyEvent, getEventHash } from 'nostr-tools';
import { createInterface } from 'node:readline';

const secret = Uint8Array.from(Buffer.from(process.argv[2], 'hex'));
for await (const line of createInterface({ input: process.stdin })) {
  const wrap = JSON.parse(line);
  const rumour = nip59.unwrapEvent(wrap, secret);
  console.log(JSON.stringify({
    good: verifyEvent(wrap) && getEventHash(rumour) === rumour.id,
    author: rumour.pubkey,
    kind: rumour.kind,
    text: rumour.content,
  }));
}
