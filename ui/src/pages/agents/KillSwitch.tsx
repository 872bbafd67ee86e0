/* Stops the fleet, or one of it, and lets it go on; asked once before. */
import { useState } from 'react'
import { visible } from '@/lib/escape'
import { useAct } from '@/state/act'
import { useMay } from '@/state/me'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Confirm } from '@/ui/Dialog'

type Word = 'stop' | 'start'

export function KillSwitch({ id }: { id?: string }) {
  const [asking, setAsking] = useState<Word | null>(null)
  /** What the window says while it goes away. */
  const [word, setWord] = useState<Word>('stop')
  const { busy, run } = useAct()
  if (!useMay('operator')) return null
  const ask = (w: Word) => {
    setWord(w)
    setAsking(w)
  }
  const who = id === undefined ? t.agents.everyone : visible(id).slice(0, 64)
  const go = () => void run(`/api/agents/${word}`, { agent_id: id ?? null }, word === 'stop' ? t.agents.stopTold(who) : t.agents.startTold(who))
  return (
    <>
      <Button busy={busy} onClick={() => ask('start')}>
        {id === undefined ? t.agents.startAll : t.agents.start}
      </Button>
      <Button look="danger" busy={busy} onClick={() => ask('stop')}>
        {id === undefined ? t.agents.stopAll : t.agents.stop}
      </Button>
      <Confirm
        open={asking !== null}
        title={word === 'stop' ? t.agents.stopTitle(who) : t.agents.startTitle(who)}
        text={word === 'stop' ? t.agents.stopText : t.agents.startText}
        action={word === 'stop' ? t.agents.stop : t.agents.start}
        onClose={() => setAsking(null)}
        onConfirm={go}
      />
    </>
  )
}
