import { useState } from 'react'
import type { Session } from '@/api/types'
import { visible } from '@/lib/escape'
import { sessionName } from '@/lib/session'
import { useAct } from '@/state/act'
import { useMay } from '@/state/me'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Confirm } from '@/ui/Dialog'

export function Disconnect({ s, small = false, after }: { s: Session; small?: boolean; after?: () => void }) {
  const [asking, setAsking] = useState(false)
  const { busy, run } = useAct(after)
  if (!useMay('operator')) return null
  const go = () => void run(`/api/sessions/${s.session_id}/disconnect`, undefined, t.sessions.disconnected)
  return (
    <>
      <Button look={small ? 'quiet' : 'danger'} busy={busy} onClick={() => setAsking(true)} className={small ? '!h-6 !px-2 text-xs hover:!text-rejected' : undefined}>
        {t.sessions.disconnect}
      </Button>
      <Confirm
        open={asking}
        title={t.sessions.disconnectTitle(visible(sessionName(s)).slice(0, 64))}
        text={t.sessions.disconnectText}
        action={t.sessions.disconnect}
        onClose={() => setAsking(false)}
        onConfirm={go}
      />
    </>
  )
}
