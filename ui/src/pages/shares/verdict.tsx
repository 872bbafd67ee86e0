/* Verdicts and their colours: the same wherever a share is shown. */
import { t } from '@/text'
import { Badge, type Tone } from '@/ui/Badge'

const TONES: Record<string, Tone> = {
  accepted: 'accepted', valid: 'accepted', rejected: 'rejected', unanswered: 'neutral',
  low_difficulty: 'rejected', stale: 'stale', duplicate: 'stale', undecided: 'neutral',
}

export function Verdict({ of }: { of: string }) {
  return <Badge tone={TONES[of] ?? 'rejected'}>{t.verdict[of] ?? of.slice(0, 40)}</Badge>
}
