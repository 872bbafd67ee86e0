/*
 * The types against the objects that apid writes: the fixtures of
 * tests/fixtures/api.  test_fixture.c holds those of common/object*.c byte for
 * byte; test_api_fixture.py holds all of them against a running apid.
 *
 * tsc checks the JSON against the types; here each field that a decoder takes
 * is in the JSON, by that name and of that kind: nothing is made up.
 */
import { expect, it } from 'vitest'
import * as d from './decode'
import * as fleet from './fleet'
import * as t from './types'
import { verification } from './verification'
import agent from '../../../tests/fixtures/api/agent.json'
import alert from '../../../tests/fixtures/api/alert.json'
import alertOpen from '../../../tests/fixtures/api/alert-open.json'
import counters from '../../../tests/fixtures/api/counters.json'
import frames from '../../../tests/fixtures/api/frames.json'
import health from '../../../tests/fixtures/api/health.json'
import job from '../../../tests/fixtures/api/job.json'
import jobFaulty from '../../../tests/fixtures/api/job-faulty.json'
import me from '../../../tests/fixtures/api/me.json'
import message from '../../../tests/fixtures/api/message.json'
import messageOdd from '../../../tests/fixtures/api/message-odd.json'
import apiPool from '../../../tests/fixtures/api/api-pool.json'
import process from '../../../tests/fixtures/api/process.json'
import relay from '../../../tests/fixtures/api/relay.json'
import session from '../../../tests/fixtures/api/session.json'
import sessionEnded from '../../../tests/fixtures/api/session-ended.json'
import share from '../../../tests/fixtures/api/share.json'
import shareOpen from '../../../tests/fixtures/api/share-open.json'
import stat from '../../../tests/fixtures/api/stat.json'
import statOther from '../../../tests/fixtures/api/stat-other.json'
import telemetry from '../../../tests/fixtures/api/telemetry.json'
import telemetryBare from '../../../tests/fixtures/api/telemetry-bare.json'
import worker from '../../../tests/fixtures/api/worker.json'
import { counters as counterGroups } from '@/pages/overview/useCounters'
import { Feed, type SocketLike } from './feed'

/** What tsc makes of JSON: words are any strings. */
type Wide<T> = T extends string ? string : T extends readonly (infer E)[] ? Wide<E>[] : T extends object ? { [K in keyof T]: Wide<T[K]> } : T

/** A case that tsc takes only when the JSON has every field of the type. */
function fits<T>(name: string, decode: d.Decoder<T>, json: Wide<T>): [string, d.Decoder<unknown>, unknown] {
  return [name, decode, json]
}

it.each([
  fits('message', t.message, message),
  fits('a message that is none', t.message, messageOdd),
  fits('session', t.session, session),
  fits('session that has ended', t.session, sessionEnded),
  fits('share', t.share, share),
  fits('steps', verification, share.verification),
  // Only one that is asked for by its id is verified again.
  fits('share that is open', t.share, { ...shareOpen, verification: undefined }),
  fits('worker', t.worker, worker),
  fits('job', t.job, job),
  fits('job that is faulty', t.job, jobFaulty),
  fits('alert', t.alert, alert),
  fits('alert that is open', t.alert, alertOpen),
  fits('stat', t.stat, stat),
  fits('stat of the others', t.stat, statOther),
  fits('agent', fleet.agent, agent),
  fits('telemetry', fleet.telemetry, telemetry),
  fits('relay', t.relay, relay),
  fits('pool', t.pool, apiPool),
  fits('process', t.process, process),
  fits('counters', counterGroups, counters),
  fits('health', t.health, health),
  fits('me', t.me, me),
])('%s', (_name, decode, json) => expect(json).toMatchObject(decode(json) as object))

it('an agent that tells the least', () => {
  const told = fleet.telemetry(telemetryBare)
  expect(told).toMatchObject({ agent_id: 'a', conn_state: 'error', errors: [], pool_target: { host: null, port: null } })
  // null is not known, and not 0.
  expect(told.stats).not.toHaveProperty('latency_p50_ms')
})

it('frames of the feed', () => {
  const heard: unknown[] = []
  let socket: SocketLike | undefined
  const host = {
    connect: () => (socket = { onopen: null, onmessage: null, onclose: null, send: () => undefined, close: () => undefined }),
    later: () => () => undefined,
  }
  const feed = new Feed(host, { topic: 'messages' }, {
    data: (items) => heard.push(['data', ...items]),
    missed: (n) => heard.push(['missed', n]),
    reset: (to) => heard.push(['reset', to]),
  })
  for (const frame of frames) socket?.onmessage?.({ data: JSON.stringify(frame) })
  expect(heard).toEqual([['data', { id: '12' }], ['missed', 3], ['reset', '11']])
  expect(feed.position).toBe('11')
})
