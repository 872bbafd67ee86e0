// Events, one a line, on stdin: prints how many nostr-tools and rust-nostr
// find right, and the ids of those that either does not.
import { Event, loadWasmSync } from '@rust-nostr/nostr-sdk';
import { verifyEvent } from 'nostr-tools';
import { createInterface } from 'node:readline';

loadWasmSync();
const said = { tools: 0, rust: 0, bad: [] };
for await (const line of createInterface({ input: process.stdin })) {
  const tools = verifyEvent(JSON.parse(line));
  let rust = false;
  try {
    rust = Event.fromJson(line).verify();
  } catch {
    // It says no by throwing.
  }
  said.tools += tools;
  said.rust += rust;
  if (!tools || !rust) said.bad.push(JSON.parse(line).id);
}
console.log(JSON.stringify(said));
