// nip44.mjs PROGRAM N: HashScope's NIP-44 (nip44.c) against nostr-tools', N
// times in both directions, with texts of every length there may be.  Prints
// how many agreed, and what did not.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { generateSecretKey, getPublicKey, nip44 } from 'nostr-tools';

const [program, number] = process.argv.slice(2);
const ours = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: ours.stdout })[Symbol.asyncIterator]();
const ask = async (...words) => {
  ours.stdin.write(words.join(' ') + '\n');
  return (await lines.next()).value;
};
const hex = (bytes) => Buffer.from(bytes).toString('hex');

const edges = [1, 2, 31, 32, 33, 64, 65, 255, 256, 257, 1023, 1025, 32767, 65535];
const said = { encrypted: 0, decrypted: 0, refused: 0, bad: [] };
let seed = 1;
const random = (below) => {
  seed = (seed * 48271) % 2147483647;
  return seed % below;
};
const text = (len) => {
  // Every character, those of four bytes too; exactly so many bytes.
  let s = Buffer.alloc(0);
  while (s.length < len) {
    const left = len - s.length;
    const point = [random(128), 128 + random(1900), 0x800 + random(0xc000), 0x1f300 + random(500)];
    const c = Buffer.from(String.fromCodePoint(point[random(4)]));
    s = Buffer.concat([s, c.length <= left ? c : Buffer.alloc(left, 97)]);
  }
  return s;
};

for (let i = 0; i < Number(number); i++) {
  const mine = generateSecretKey();
  const theirs = generateSecretKey();
  const plain = text(edges[i] ?? 1 + random(i % 20 === 0 ? 65535 : 3000));
  const key = nip44.v2.utils.getConversationKey(theirs, getPublicKey(mine));
  const nonce = createHash('sha256').update(`${i}`).digest();

  const payload = await ask('e', hex(mine), getPublicKey(theirs), hex(nonce), hex(plain));
  if (payload === nip44.v2.encrypt(plain.toString(), key, nonce) &&
      nip44.v2.decrypt(payload, key) === plain.toString()) said.encrypted++;
  else said.bad.push(['encrypt', plain.length]);

  const back = await ask('d', hex(mine), getPublicKey(theirs), nip44.v2.encrypt(plain.toString(), key));
  if (back === hex(plain)) said.decrypted++;
  else said.bad.push(['decrypt', plain.length]);

  // One character of it changed: both refuse it.
  const at = random(payload.length - 2);
  const other = payload[at] === 'A' ? 'B' : 'A';
  const broken = payload.slice(0, at) + other + payload.slice(at + 1);
  let tools = 'refused';
  try {
    tools = hex(Buffer.from(nip44.v2.decrypt(broken, key)));
  } catch {
    // As it should.
  }
  if ((await ask('d', hex(mine), getPublicKey(theirs), broken)) === tools) said.refused++;
  else said.bad.push(['broken', plain.length, at]);
}
ours.stdin.end();
console.log(JSON.stringify(said));
