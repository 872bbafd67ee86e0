/* How a share was verified, step by step, as GET /api/shares/{id} has it. */
import * as d from './decode'

export const verification = d.record({
  possible: d.bool,
  why: d.maybeText,
  coinbase: d.record({ coinbase1: d.text, extranonce1: d.text, extranonce2: d.text, coinbase2: d.text, txid: d.text, hash: d.text }),
  merkle: d.record({ branches: d.list(d.record({ branch: d.text, root: d.text })), root: d.text }),
  header: d.record({
    hex: d.text, version: d.text, previous_block: d.text, merkle_root: d.text, ntime: d.text, nbits: d.text, nonce: d.text,
  }),
  hash: d.maybeText,
  limits: d.list(d.record({ asked: d.text, difficulty: d.maybeNumber, target: d.maybeText, reached: d.any })),
  network_target: d.maybeText,
  job_version: d.maybeText,
  version_bits: d.maybeText,
  version_mask: d.maybeText,
  formulas: d.list(
    d.record({ name: d.text, formula: d.text, version: d.text, hash: d.text, difficulty: d.maybeNumber, reaches: d.bool, used: d.bool }),
  ),
  checks: d.list(d.record({ name: d.text, ok: d.any, text: d.text })),
})
export type Verification = d.Of<typeof verification>
