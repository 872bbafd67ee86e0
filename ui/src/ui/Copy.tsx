import { useState } from 'react'
import { t } from '@/text'
import { Button } from './Button'

/** navigator.clipboard is there only on a secure origin; loopback is one. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text)
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'fixed opacity-0'
  document.body.append(area)
  area.select()
  // The only way on an origin that is not secure.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const done = document.execCommand('copy')
  area.remove()
  return done
}

export function Copy({ text, label = t.act.copy }: { text: string; label?: string }) {
  const [done, setDone] = useState(false)
  const run = async () => {
    if (!(await copy(text))) return
    setDone(true)
    setTimeout(() => setDone(false), 1500)
  }
  return (
    <Button look="quiet" onClick={() => void run()}>
      {done ? t.act.copied : label}
    </Button>
  )
}
