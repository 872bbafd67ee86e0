// listen.mjs URL FILTER: prints each event that a relay passes on, as it is.
import WebSocket from 'ws';

const [url, filter] = process.argv.slice(2);
const ws = new WebSocket(url);

ws.on('open', () => ws.send(`["REQ","judge",${filter}]`));
ws.on('message', (data) => {
  const [type, , event] = JSON.parse(data);
  if (type === 'EOSE') console.log('ready');
  if (type === 'EVENT') console.log(JSON.stringify(event));
});
ws.on('close', () => process.exit(0));
