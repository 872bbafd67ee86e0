/* Windows over the page: one that asks before something is done, one for forms. */
import * as Alert from '@radix-ui/react-alert-dialog'
import * as Base from '@radix-ui/react-dialog'
import type { ReactNode } from 'react'
import { cx } from '@/lib/cx'
import { t } from '@/text'
import { Button } from './Button'

const SHADE = 'fixed inset-0 z-40 bg-black/40'
const BOX =
  'fixed left-1/2 top-1/2 z-50 max-h-[90vh] w-[min(92vw,var(--width))] -translate-x-1/2 -translate-y-1/2 overflow-auto rounded-lg border bg-panel p-5 shadow-xl animate-appear'

interface ConfirmProps {
  readonly open: boolean
  readonly title: string
  readonly text: ReactNode
  readonly action: string
  readonly onConfirm: () => void
  readonly onClose: () => void
}

export function Confirm({ open, title, text, action, onConfirm, onClose }: ConfirmProps) {
  return (
    <Alert.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <Alert.Portal>
        <Alert.Overlay className={SHADE} />
        <Alert.Content className={cx(BOX, '[--width:26rem]')}>
          <Alert.Title className="text-lg font-semibold">{title}</Alert.Title>
          <Alert.Description className="mt-2 text-sm text-dim">{text}</Alert.Description>
          <div className="mt-5 flex justify-end gap-2">
            <Alert.Cancel asChild>
              <Button>{t.act.cancel}</Button>
            </Alert.Cancel>
            <Alert.Action asChild>
              <Button look="danger" onClick={onConfirm}>
                {action}
              </Button>
            </Alert.Action>
          </div>
        </Alert.Content>
      </Alert.Portal>
    </Alert.Root>
  )
}

interface DialogProps {
  readonly open: boolean
  readonly title: string
  readonly lead?: string
  readonly wide?: boolean
  readonly onClose: () => void
  readonly children: ReactNode
}

export function Dialog({ open, title, lead, wide = false, onClose, children }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <Base.Portal>
        <Base.Overlay className={SHADE} />
        <Base.Content
          className={cx(BOX, wide ? '[--width:46rem]' : '[--width:28rem]')}
          {...(lead === undefined ? { 'aria-describedby': undefined } : {})}
        >
          <div className="mb-4 flex items-start justify-between gap-4">
            <div>
              <Base.Title className="text-lg font-semibold">{title}</Base.Title>
              {lead !== undefined && <Base.Description className="mt-1 text-sm text-dim">{lead}</Base.Description>}
            </div>
            <Base.Close asChild>
              <Button look="quiet" icon aria-label={t.act.close} className="-mr-1.5 -mt-1">
                ×
              </Button>
            </Base.Close>
          </div>
          {children}
        </Base.Content>
      </Base.Portal>
    </Base.Root>
  )
}
