import { cx } from '@/lib/cx'
import { visible } from '@/lib/escape'
import { dismiss, useToasts } from '@/state/toasts'
import { t } from '@/text'

export function Toasts() {
  const toasts = useToasts()
  return (
    <div aria-live="polite" className="pointer-events-none fixed bottom-4 right-4 z-50 flex w-[min(92vw,24rem)] flex-col gap-2">
      {toasts.map((x) => (
        <div
          key={x.id}
          role={x.bad ? 'alert' : 'status'}
          className={cx(
            'pointer-events-auto flex items-start justify-between gap-3 rounded-lg border bg-panel px-3 py-2 text-sm shadow-lg animate-appear',
            x.bad && 'border-rejected/50 text-rejected',
          )}
        >
          <span className="min-w-0 break-words">{visible(x.text)}</span>
          <button type="button" aria-label={t.act.close} className="text-dim hover:text-ink" onClick={() => dismiss(x.id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  )
}
