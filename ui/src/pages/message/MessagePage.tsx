import type { PageProps } from '@/app/routes'
import { navigate } from '@/state/router'
import { MessageView } from './MessageView'

/** A message by itself: the permalink. */
export function MessagePage({ params }: PageProps) {
  return (
    <div className="mx-auto max-w-5xl rounded-lg border bg-panel">
      <MessageView id={params['id'] ?? ''} onClose={() => navigate('/messages')} alone />
    </div>
  )
}
